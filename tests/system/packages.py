# packages: the Debian packages of this build, and hosts on which dpkg really installs them
import fcntl
import glob
import os
import shutil
import subprocess

import peer
from hosts import TOP

BUILD = f"{TOP}/build/{os.environ.get('MODE', 'release')}"
OURS, THEIRS = '/root/ours', '/root/debian'  # inside a host
# A lab's disk is memory: nothing is gained by fsync. Changed configuration files: what dpkg asks is
# answered with its default, to keep them.
DPKG = 'DEBIAN_FRONTEND=noninteractive dpkg --force-unsafe-io --force-confold'


def built():
    """Paths of our packages by name; made if they are missing or older than their programs."""
    with open(f'{BUILD}/.packages', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two tests may start at once
        if not _is_fresh(_found()):
            with open(f'{TOP}/Makefile') as file:
                version = next(line.split()[-1] for line in file if line.startswith('VERSION :='))
            subprocess.run([f'{TOP}/scripts/debian/build', os.path.relpath(BUILD, TOP), version],
                           check=True, stdout=subprocess.DEVNULL)
        return _found()


def _found():
    return {os.path.basename(path).split('_')[0]: path
            for path in glob.glob(f'{BUILD}/deb/*.deb') if '-dbgsym_' not in path}


def _is_fresh(packages):
    if not packages:
        return False
    made = min(os.path.getmtime(path) for path in packages.values())
    sources = glob.glob(f'{TOP}/scripts/**/*', recursive=True)
    programs = [f'{BUILD}/{name}' for name in ('heartbeat', 'cl_status', 'libhbclient.so.1.0.0',
                                               'haresources2cib', 'completion')]
    return all(os.path.getmtime(path) < made for path in sources + programs)


def field(path, name):
    """A field of a package's control file."""
    return subprocess.run(['dpkg-deb', '-f', path, name], capture_output=True, text=True,
                          check=True).stdout.strip()


def with_version(path, version, folder):
    """The same package under another version, as its next release; returns its path."""
    tree, made = f'{folder}/tree', f'{folder}/next.deb'
    subprocess.run(['dpkg-deb', '-R', path, tree], check=True)
    control = f'{tree}/DEBIAN/control'
    with open(control) as file:
        lines = [f'Version: {version}\n' if line.startswith('Version:') else line for line in file]
    with open(control, 'w') as file:
        file.writelines(lines)
    # Another file than the one before, as that of a new release is
    subprocess.run(['touch', f'{tree}/usr/libexec/heartbeat/heartbeat'], check=True)
    subprocess.run(['dpkg-deb', '-Znone', '-b', tree, made], check=True, capture_output=True)
    return made


def prepare(host):
    """A booted host without any heartbeat, where packages may start their services."""
    for path, key in (('etc/passwd', 'hacluster:'), ('etc/group', 'haclient:')):
        with open(f'/{path}') as file:
            host._plant(path, ''.join(line for line in file if not line.startswith(key)))
    host._plant('usr/sbin/policy-rc.d', '#!/bin/sh\nexit 0\n', 0o755)
    host.boot()
    host.shell('rm -rf /var/lib/heartbeat', check=True)
    host.shell('rm -f /var/lib/man-db/auto-update')  # no index of manual pages, please
    peer.fetch_debian()
    host.plant_tree(f'{peer.CACHE}/deb', THEIRS)
    os.makedirs(host.path(OURS))
    for path in built().values():
        shutil.copy(path, host.path(OURS))


def dpkg(host, arguments, check=True):
    """Runs dpkg in the host; returns what it printed."""
    done = host.shell(f'{DPKG} {arguments} 2>&1 </dev/null', timeout=120)
    if check and done.returncode != 0:
        raise AssertionError(f'{host.name}: dpkg {arguments}: exit {done.returncode}\n'
                             f'{done.stdout}')
    return done.stdout


def install_debian(host):
    """Debian's heartbeat 3.0.6 and all that it needs."""
    # Not in one go: some of them want others configured before they are unpacked.
    dpkg(host, f'-i {THEIRS}/lib*.deb', check=False)
    dpkg(host, f'-i {THEIRS}/[!l]*.deb')


def state(host, package):
    """Whether a package is installed: its status, or `none`."""
    done = host.run('dpkg-query', '-W', '-f', '${db:Status-Status}', package)
    return done.stdout.strip() or 'none'


def running_version(host):
    """Which program the master executes: ours, debian or none."""
    pids = [pid for pid, title in host.processes().items() if 'master control' in title]
    if not pids:
        return 'none'
    ours = any(title.endswith('runner') for title in host.processes().values())
    return 'ours' if ours else 'debian'
