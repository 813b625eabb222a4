# commands: ha_propagate, cl_respawn, and the agents of the real resource-agents package
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

from layer import DATE
from manager import prepare

HERE = os.path.dirname(os.path.abspath(__file__))
PROPAGATE = '/usr/share/heartbeat/ha_propagate'
# the host's /usr/bin hides what is installed there
RESPAWN = '/trace/bin/cl_respawn'
PATH = {'PATH': '/trace/bin:/usr/sbin:/usr/bin:/sbin:/bin'}
BIN = '/usr/libexec/heartbeat'
FILES = {'ha.cf': 'node n1, n2 # n9\nnode N2\n', 'haresources': 'n1 a\n', 'authkeys': 'auth 1\n'}

# Other nodes are folders: what ssh would do in /etc/ha.d there is done in /trace/NODE.
FIND_NODE = '''#!/bin/sh
for last; do case $last in root@*) node=${last#root@} ;; esac; done
node=${node%%:*}
echo "$node" >>/trace/reached
[ -d "/trace/$node" ] || exit 255
'''
SSH = FIND_NODE + 'sh -c "$(printf %s "$last" | sed "s#/etc/ha.d#/trace/$node#g")"\n'
SCP = FIND_NODE + '''for file; do case $file in /etc/ha.d/*) from=$file ;; esac; done
cp -p "$from" "/trace/$node/${last##*/}"
'''


def cluster(lab, there):
    prepare(lab)
    for name, text in FILES.items():
        lab.write(f'/etc/ha.d/{name}', text, 0o600 if name == 'authkeys' else 0o644)
    lab.write(f'{BIN}/ssh', SSH, 0o755)
    lab.write(f'{BIN}/scp', SCP, 0o755)
    os.mkdir(lab.path('/trace/n2'))
    for name, text in there.items():
        lab.write(f'/trace/n2/{name}', text)


def there(lab):
    return {name: lab.read(f'/trace/n2/{name}') for name in os.listdir(lab.path('/trace/n2'))}


def propagation(lab, report):
    other = {'ha.cf': 'node n1 n2\nkeepalive 2\n', 'authkeys': 'auth 2\n2 sha1 secret\n'}
    cluster(lab, other)
    done = lab.call([PROPAGATE, '--dry-run'])
    report.check('a dry run shows the difference, and no secret', done.exit == 0 and
                 '-keepalive 2' in done.stdout and 'haresources is not there' in done.stdout and
                 'authkeys is different there (not shown)' in done.stdout and
                 'secret' not in done.stdout + done.stderr, done.stdout + done.stderr)
    report.same('a dry run copies nothing', there(lab), other)
    report.same('once each other node', set(lab.trace('reached')), {'n2'})

    done = lab.call([PROPAGATE], stdin='y\n')
    report.check('nobody to ask', done.exit == 1 and 'use --force' in done.stderr, done.stderr)
    report.same('only what was not there is copied', there(lab),
                {**other, 'haresources': FILES['haresources']})

    done = lab.call([PROPAGATE, '--force'])
    report.check('--force', done.exit == 0 and done.stderr == '', done.stdout + done.stderr)
    now = there(lab)
    copies = {re.sub(r'\.\d{14}$', '', name): text for name, text in now.items()
              if name not in FILES}
    report.same('what is there is ours', {name: now.get(name) for name in FILES}, FILES)
    report.same('the old files are kept', copies, other)
    report.same('the keys stay secret',
                os.stat(lab.path('/trace/n2/authkeys')).st_mode & 0o777, 0o600)
    report.outcome('again', lab.call([PROPAGATE]), 0, ''.join(
        f'ha_propagate: n2: {name} is the same\n' for name in FILES), '')


def no_propagation(lab, report):
    cluster(lab, {})
    for words in (['--help'], ['--force', 'x'], ['n2']):
        report.outcome('wrong use', lab.call([PROPAGATE, *words]), 2, '', 'usage: .*')
    lab.write(f'{BIN}/heartbeat', '#!/bin/sh\nexit 2\n', 0o755)
    report.outcome('files with errors', lab.call([PROPAGATE, '--force']), 1, '', '.*nothing copied\n')
    lab.write(f'{BIN}/heartbeat', '#!/bin/sh\nexit 0\n', 0o755)
    lab.write('/etc/ha.d/ha.cf', 'node n1 n3 -oProxyCommand=x $(id)\n')
    done = lab.call([PROPAGATE, '--force'])
    report.check('a node that is not reached, and names that are none',
                 done.exit == 1 and 'n3: cannot be reached' in done.stderr and
                 "'-oproxycommand=x' is no name" in done.stderr and
                 "'$(id)' is no name" in done.stderr, done.stderr)
    report.same('only n3 was tried', lab.trace('reached'), ['n3'])
    report.same('n2 is no node any more', there(lab), {})
    for name in ('ssh', 'scp'):
        lab.remove(f'{BIN}/{name}')


def prepare_respawn(lab):
    prepare(lab)
    os.mkdir(lab.path('/trace/bin'))
    with open(f'{HERE}/../../scripts/share/cl_respawn') as file:
        lab.write(RESPAWN, file.read(), 0o755)


def respawn_transcripts(lab, report):
    prepare_respawn(lab)
    with open(f'{HERE}/respawn.jsonl') as lines:
        for entry in map(json.loads, lines):
            outcome = lab.call(entry['argv'], PATH)
            report.outcome('cl_respawn', outcome, entry['exit'], entry['stdout'])
            plain = [re.sub(r'^\S+ cl_respawn: \[\d+\]', 'HOST', DATE.sub('', text), flags=re.M)
                     for text in (outcome.stderr, entry['stderr'])]
            report.same(f'stderr of {entry["argv"]}', *plain)
    for argv, why in [(['nosuchprogram'], 'Please give the program name'), (['-r'], 'recovery'),
                      (['-m', '256', 'true'], 'must be 0 to 255'), (['-l'], 'program name')]:
        outcome = lab.call([RESPAWN, *argv])
        report.check(f'cl_respawn {argv}', outcome.exit == 2 and why in outcome.stderr,
                     outcome.stderr)


def respawn(lab, report):
    prepare_respawn(lab)
    # ends with 3, and at the second life with the magic code
    lab.write('/trace/program', '#!/bin/sh\necho "$@" >>/trace/lives\n'
                                '[ "$(wc -l </trace/lives)" -lt 2 ] && exit 3\nexit "$CODE"\n', 0o755)
    for options, code in (([], '100'), (['-m', '7', '-i', '5', '-w', '3'], '7')):
        lab.remove('/trace/lives')
        outcome = lab.call([RESPAWN, *options, '/trace/program', 'a b', 'c'], {'CODE': code})
        report.outcome('cl_respawn until the magic code', outcome, 0, '', '')
        report.same('two lives', lab.trace('lives'), ['a b c', 'a b c'])
        report.check('no pause, no race', outcome.seconds >= 0.5, outcome.seconds)

    lab.write('/trace/sleeper', '#!/bin/sh\necho $$ >/trace/sleeping\n'
                                'exec /usr/bin/sleep 60\n', 0o755)
    process = subprocess.Popen(['chroot', lab.root, RESPAWN, '-p', '/trace/pid', '/trace/sleeper'])
    deadline = time.monotonic() + 15
    while not lab.read('/trace/sleeping') and time.monotonic() < deadline:
        time.sleep(0.02)
    child = int(lab.read('/trace/sleeping') or 0)
    report.same('the pid file', lab.read('/trace/pid'), f'{process.pid:10d}\n')
    process.send_signal(signal.SIGTERM)
    try:
        report.same('SIGTERM', process.wait(15), 0)
    finally:
        process.kill()
    while os.path.exists(f'/proc/{child}/exe') and time.monotonic() < deadline:
        time.sleep(0.02)
    report.check('the program was told', not child or
                 not lab_lives(child), f'process {child} lives')


def lab_lives(pid):
    """Zombies, whom nobody in this namespace may have buried yet, do not live."""
    try:
        with open(f'/proc/{pid}/stat') as file:
            return file.read().rsplit(')', 1)[1].split()[0] != 'Z'
    except OSError:
        return False


# resource script and arguments of agents that need nothing but a folder
REAL = [['OCF', 'Dummy', 'state=/run/d'], ['OCF', 'heartbeat:Dummy'], ['Delay', '0', '0']]


def real_agents(lab, report):
    """The package itself, not a stand-in: what it prints and answers is mapped for heartbeat."""
    sys.path.append(f'{HERE}/../system')
    import peer
    package = f'{peer.fetch_debian()}/usr/lib/ocf'
    prepare(lab)
    ours = lab.path('/usr/lib/ocf')
    shutil.rmtree(ours)
    os.mkdir(ours)
    for folder in ('lib', 'resource.d'):
        shutil.copytree(f'{package}/{folder}', f'{ours}/{folder}')
    for argv in REAL:
        script = f'/etc/ha.d/resource.d/{argv[0]}'
        for operation, exit, words in [('status', 7, 'stopped'), ('start', 0, 'Success'),
                                       ('start', 0, 'Success'), ('status', 0, 'Running OK'),
                                       ('monitor', 0, 'Running OK'), ('stop', 0, 'Success'),
                                       ('stop', 0, 'Success'), ('status', 7, 'stopped')]:
            done = lab.call([script, *argv[1:], operation])
            report.check(f'{argv} {operation}', done.exit == exit and words in done.stdout and
                         ('unning' in done.stdout or 'OK' in done.stdout) ==
                         (words == 'Running OK'),
                         f'exit {done.exit}\n{done.stdout}{done.stderr}')
        data = lab.call([script, *argv[1:], 'meta-data'])
        report.check(f'{argv} meta-data', data.exit == 0 and '<resource-agent name=' in data.stdout,
                     data.stdout + data.stderr)
    shutil.rmtree(ours)
    os.makedirs(f'{ours}/resource.d/heartbeat')


def run(lab, report):
    for part in (real_agents, propagation, no_propagation, respawn_transcripts, respawn):
        part(lab, report)
