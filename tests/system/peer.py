# peer: Debian's heartbeat 3.0.6, Pacemaker's tools, etcd, fence-agents: fetched, unpacked for labs
import fcntl
import os
import shutil
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
CACHE = f'{TOP}/build/peer'
MERGED = ('bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32')  # these are links into /usr today
HACLIENT = 991  # group of the hosts' own /etc/group


def fetch_debian():
    """Returns the folder of an unpacked heartbeat 3.0.6 with all that this machine lacks for it."""
    root = f'{CACHE}/root'
    os.makedirs(CACHE, exist_ok=True)
    with open(f'{CACHE}/lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test runs may start at once
        if not os.path.exists(f'{root}/usr/libexec/heartbeat/heartbeat'):
            _download('deb', 'heartbeat')
            _unpack(root, 'deb')
    return root


def fetch_pacemaker():
    """Returns the folder of Pacemaker's command line tools, corosync and resource agents."""
    root = f'{CACHE}/pacemaker'
    os.makedirs(CACHE, exist_ok=True)
    with open(f'{CACHE}/lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(f'{root}/usr/sbin/crm_simulate'):
            _download('pacemaker-deb', 'pacemaker-cli-utils', 'corosync', 'resource-agents')
            _unpack(root, 'pacemaker-deb')
    return root


def fetch_logrotate():
    """Returns the folder of an unpacked logrotate."""
    root = f'{CACHE}/logrotate'
    os.makedirs(CACHE, exist_ok=True)
    with open(f'{CACHE}/lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(f'{root}/usr/sbin/logrotate'):
            _download('logrotate-deb', 'logrotate')
            _unpack(root, 'logrotate-deb')
    return root


def fetch_etcd():
    """Returns the folder of an unpacked etcd-server, one program that needs nothing else."""
    root = f'{CACHE}/etcd'
    os.makedirs(CACHE, exist_ok=True)
    with open(f'{CACHE}/lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(f'{root}/usr/bin/etcd'):
            fresh = f'{root}.new'
            shutil.rmtree(fresh, ignore_errors=True)
            os.makedirs(fresh)
            _run_with_lists(['apt-get', 'download', '-qq', '-o', 'APT::Sandbox::User=root',
                             'etcd-server'], 'etcd-server', fresh)
            for name in os.listdir(fresh):
                subprocess.run(['dpkg-deb', '-x', f'{fresh}/{name}', fresh], check=True)
            os.rename(fresh, root)
    return root


def fetch_fence_agents():
    """Returns a folder with Debian's fence-agents and the Python modules that they need."""
    root = f'{CACHE}/fence-agents'
    os.makedirs(CACHE, exist_ok=True)
    with open(f'{CACHE}/lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(f'{root}/usr/sbin/fence_dummy'):
            fresh = f'{root}.new'
            shutil.rmtree(fresh, ignore_errors=True)
            os.makedirs(fresh)
            _run_with_lists(['apt-get', 'download', '-qq', '-o', 'APT::Sandbox::User=root',
                             'fence-agents', 'python3-pexpect', 'python3-ptyprocess',
                             'python3-pycurl', 'libcurl3-gnutls'], 'fence-agents', fresh)
            for name in os.listdir(fresh):
                subprocess.run(['dpkg-deb', '-x', f'{fresh}/{name}', fresh], check=True)
                os.unlink(f'{fresh}/{name}')
            os.rename(fresh, root)
    return root


def _run_with_lists(command, what, folder=None):
    answer = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    if answer.returncode != 0:  # a bare machine has no package lists yet
        subprocess.run(['apt-get', 'update', '-qq'], check=True)
        answer = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    if answer.returncode != 0:
        raise RuntimeError(f'cannot download {what}: {answer.stderr.strip()}')


def _download(folder, *packages):
    archives = f'{CACHE}/{folder}'
    os.makedirs(f'{archives}/partial', exist_ok=True)
    command = ['apt-get', 'install', '-qq', '-y', '--no-install-recommends', '--download-only',
               '-o', f'Dir::Cache::archives={archives}', *packages]
    _run_with_lists(command, ' '.join(packages))


def _unpack(root, folder):
    fresh = f'{root}.new'
    shutil.rmtree(fresh, ignore_errors=True)
    for name in sorted(os.listdir(f'{CACHE}/{folder}')):
        if name.endswith('.deb'):
            subprocess.run(['dpkg-deb', '-x', f'{CACHE}/{folder}/{name}', fresh], check=True)
    for name in MERGED:
        if os.path.isdir(f'{fresh}/{name}') and not os.path.islink(f'{fresh}/{name}'):
            shutil.copytree(f'{fresh}/{name}', f'{fresh}/usr/{name}', symlinks=True,
                            dirs_exist_ok=True)
            shutil.rmtree(f'{fresh}/{name}')
    shutil.rmtree(root, ignore_errors=True)
    os.rename(fresh, root)


def set_group_id(root):
    """cl_status runs with the group that may enter /run/heartbeat, as its package arranges."""
    program = f'{root}/usr/bin/cl_status'
    if os.path.exists(program):
        os.chown(program, 0, HACLIENT)
        os.chmod(program, 0o2555)
