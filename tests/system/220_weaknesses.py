# 220_weaknesses: what resources §8 found weak in 3.0.6 (W1 to W24) and must not be true of ours
import time

import wire
from lab import VIP1
from testing import check, equal, note, test


def settled(lab, limit=10):
    lab.wait_placed(limit, n1='a', n2='b')
    lab.wait_settled(limit)


# A site's own rc.d script: what it was called with, and what its environment is.
HOOK = '''#!/bin/sh
env > /var/log/hook.env
'''
EVIL = '''touch /var/log/evil
'''


@test(220, 'W9: no field of a message becomes code, or a variable that scripts trust', limit=60)
def hostile_fields(t):
    with t.lab() as lab:
        n1, n2 = lab.hosts
        for host in (n1, n2):
            host.boot()
            host.write('/etc/ha.d/rc.d/site-news', HOOK, 0o755)
            host.write('/etc/ha.d/evil', EVIL, 0o755)
        lab.start()
        settled(lab)
        fields = ('FUNCS=/etc/ha.d/evil', 'DIR=/etc/ha.d', 'PATH=/etc/ha.d', 'RCDIR=/etc/ha.d',
                  'LD_PRELOAD=/etc/ha.d/evil', 'ENV=/etc/ha.d/evil', 'BASH_ENV=/etc/ha.d/evil')
        for kind in ('site-news', 'hb_takeover'):
            lines = [f't={kind}', 'rsc_hold=none', *fields]
            n1.shell('. /etc/ha.d/shellfuncs; ha_clustermsg', text='\n'.join(lines) + '\n',
                     check=True)
        lab.wait(lambda: 'HA_t=site-news' in n2.read('/var/log/hook.env'), 5, "n2's hook to run")
        for host in (n1, n2):
            lab.wait(lambda: 'PATH=' in host.read('/var/log/hook.env'), 5, 'the hook')
            variables = dict(line.split('=', 1) for line in
                             host.read('/var/log/hook.env').splitlines() if '=' in line)
            wrong = {name: value for name, value in variables.items() if '/etc/ha.d/evil' in value
                     and name != 'HA_evil'}
            equal(wrong, {}, f'variables of {host.name} that a message set')
            check('/etc/ha.d' not in variables['PATH'].split(':'), variables['PATH'])
            equal(host.read('/var/log/evil'), '', 'the planted script ran')
            check(not host.run('test', '-e', '/var/log/evil').returncode == 0, 'it ran')
        settled(lab)


@test(221, 'W13, W14: names are no patterns, and comments end where they begin', limit=60)
def odd_names(t):
    # A dot and a bracket match more than themselves; the first resource stands in another line too.
    groups = (('n1', f'Tres::a. IPaddr2::{VIP1}/24/eth0'), ('n1', 'Tres::ab'),
              ('n2', 'Tres::b[a-z] \\\n    Tres::c # Tres::not'), ('n2', 'Tres::d Tres::a.'))
    with t.lab() as lab:
        n1, n2 = lab.hosts
        for host in (n1, n2):
            host.boot()
            lab.settings.install(host)
        done = {}
        for host in (n1, n2):
            host.write('/etc/ha.d/haresources', ''.join(f'{n} {r}\n' for n, r in groups))
            done[host.name] = host.run('/etc/init.d/heartbeat', 'start')
        # One resource in two groups could run on two nodes at once: refused, by name and line.
        for name, result in done.items():
            check(result.returncode != 0, f'{name} starts with Tres::a. in two groups')
            check('Tres::a.' in result.stdout + result.stderr, result.stdout + result.stderr)
        for host in (n1, n2):
            host.write('/etc/ha.d/haresources', ''.join(f'{n} {r}\n' for n, r in groups[:3]))
            host.start()
        lab.wait(lambda: lab.placement() == {'n1': ['a.', 'ab'], 'n2': ['b[a-z]', 'c']}, 15,
                 'each group at home')
        for host in (n1, n2):
            check('not' not in {name for _, name, _ in host.resource_log()}, 'a comment was run')
        done = n1.run('/usr/share/heartbeat/ResourceManager', 'listkeys', 'n1')
        equal(done.stdout.split(), ['Tres::a.', 'Tres::ab'], 'keys of n1')
        n1.run('/usr/share/heartbeat/ResourceManager', 'takegroup', 'Tres::a.', check=True)
        equal(n1.resources(), ['a.', 'ab'], 'after takegroup of a name that looks like a pattern')


@test(222, 'W16: broken authkeys and a reload: told, refused, and nothing else', limit=60)
def broken_keys(t):
    with t.lab() as lab:
        n1 = lab.hosts[0]
        lab.start()
        settled(lab)
        masters = [pid for pid, title in n1.processes().items() if 'master' in title]
        for text, mode, word in (('auth 1\n1 sha9 x\n', 0o600, 'sha9'),
                                 ('auth 7\n1 sha1 x\n', 0o600, '7'), ('', 0o600, 'authkeys'),
                                 ('auth 1\n1 sha1 a-secret-of-the-lab\n', 0o644, '600')):
            before = len(n1.log().splitlines())
            n1.write('/etc/ha.d/authkeys', text, mode)
            n1.run('kill', '-HUP', str(masters[0]), check=True)
            lab.wait(lambda: [line for line in n1.log().splitlines()[before:]
                              if 'authkeys' in line and word in line], 5,
                     f'the log to name the error ({word})')
        lab.settings.install(n1)
        time.sleep(1)  # longer than a dead time of the lab would need to show a change of the key
        settled(lab)
        check(masters[0] in n1.processes(), 'the same master')
        for host in lab.hosts:
            equal(host.log_lines('is dead'), [], f'deaths seen by {host.name}')


# A service that stays: what it inherited.
SERVICE = '''#!/bin/sh
case $2 in
start) ls -l /proc/self/fd > /var/log/service.fd
       grep -E '^Sig(Ign|Blk)' /proc/self/status > /var/log/service.signals
       grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status >> /var/log/service.signals
       chrt -p $$ > /var/log/service.sched
       ulimit -a > /var/log/service.limits; : > /run/service ;;
stop) rm -f /run/service ;;
status) [ -e /run/service ] && echo running || echo stopped ;;
esac
'''


@test(223, 'W19: a service inherits no descriptor, no ignored signal, no priority of ours', limit=60)
def clean_start(t):
    with t.lab(groups=(('n1', 'Service::a'), ('n2', 'Tres::b'))) as lab:
        n1 = lab.hosts[0]
        n1.boot()
        n1.write('/etc/ha.d/resource.d/Service', SERVICE, 0o755)
        lab.start()
        lab.wait(lambda: n1.read('/var/log/service.limits'), 15, 'the service to start')
        targets = [line.split(' -> ')[1] for line in n1.read('/var/log/service.fd').splitlines()
                   if ' -> ' in line]
        wrong = [name for name in targets
                 if name.startswith(('socket:', 'anon_inode:', '/memfd:', '/dev/shm'))
                 or 'heartbeat' in name]
        equal(wrong, [], 'descriptors of ours in a service')
        for line in n1.read('/var/log/service.signals').splitlines():
            name, value = line.split()
            if name in ('SigIgn:', 'SigBlk:', 'Seccomp:', 'NoNewPrivs:'):
                equal(int(value, 16), 0, name)
        check('SCHED_OTHER' in n1.read('/var/log/service.sched'), n1.read('/var/log/service.sched'))


@test(224, 'W22: garbage in hb_generation: the generation still grows', limit=60)
def garbage_generation(t):
    with t.lab() as lab:
        n1, n2 = lab.hosts
        lab.start()
        settled(lab)
        old = int(n1.read('/var/lib/heartbeat/hb_generation'))
        for garbage in ('garbage\n', '', '-5\n', '99999999999999999999999\n'):
            n1.stop()
            n1.write('/var/lib/heartbeat/hb_generation', garbage)
            # It begins anew at the clock's second, which no restart of a real node is inside of.
            lab.wait(lambda: time.time() > old + 1, 3, 'the next second')
            n1.start()
            lab.wait(lambda: n2.nodestatus('n1') == 'active', 15, 'n1 to be believed')
            new = int(n1.read('/var/lib/heartbeat/hb_generation'))
            check(new > old, f'after {garbage!r}: generation {new}, before {old}')
            old = new
        settled(lab, 20)
        equal(n2.log_lines('attempted replay attack'), [], 'refusals')


@test(225, 'W23: what speaks with strangers has no rights; what has rights is not real-time', limit=60)
def rights(t):
    with t.lab() as lab:
        n1 = lab.hosts[0]
        lab.start()
        settled(lab)
        seen = []
        for pid, title in n1.processes().items():
            status = dict(line.split(':\t', 1) for line in
                          n1.run('cat', f'/proc/{pid}/status', check=True).stdout.splitlines()
                          if ':\t' in line)
            policy = n1.run('chrt', '-p', str(pid), check=True).stdout
            uid, effective = status['Uid'].split()[0], int(status['CapEff'], 16)
            seen.append(title)
            if 'read:' in title or 'write:' in title or 'FIFO' in title:
                check(uid != '0' and effective == 0 and status['Seccomp'] == '2', f'{title}: {status}')
                check('SCHED_RR' in policy, f'{title}: {policy}')
            elif 'status' in title:
                check(uid == '991' and effective == 0 and status['Seccomp'] == '2',
                      f'{title}: {status}')
                check('SCHED_OTHER' in policy, f'{title}: {policy}')
            elif 'runner' in title:
                check('SCHED_OTHER' in policy, f'{title}: {policy}')
            else:
                equal(effective, 0, f'effective capabilities of the {title}')
        equal(len(seen), 8, 'processes')


@test(226, 'W20: a takeover of 20 addresses starts few processes, and all groups at once', limit=60)
def few_processes(t):
    groups = tuple(('n1', f'IPaddr2::10.77.0.{100 + i}/24/eth0') for i in range(20))
    with t.lab(groups=groups) as lab:
        n1, n2 = lab.hosts
        lab.start()
        lab.wait(lambda: len(n1.service_addresses()) == 20, 15, 'n1 to hold all')
        lab.wait_settled(10)
        before = int(n2.run('sh', '-c', 'echo $$', check=True).stdout)
        n1.power_off()
        lab.wait(lambda: len(n2.service_addresses()) == 20, 10, 'n2 to hold all')
        after = int(n2.run('sh', '-c', 'echo $$', check=True).stdout)
        # status, start and the announcer of each; and what this test itself asks meanwhile.
        check(after - before < 200, f'{after - before} processes; 3.0.6 starts about 200 an address')
        note(f'{after - before} processes for 20 addresses, those of the test included')


@test(218, 'W4: a healed partition stops on one side only what the other one keeps', limit=60)
def healed(t):
    with t.lab(auto_failback='off') as lab:
        n1, n2 = lab.hosts
        lab.start()
        settled(lab)
        for link in lab.links:
            link.cut(n2)
        lab.wait_placed(10, n1='ab', n2='ab')
        before = {host.name: len(host.resource_log()) for host in lab.hosts}
        for link in lab.links:
            link.heal(n2)
        lab.wait(lambda: len(lab.running('a')) == 1 and len(lab.running('b')) == 1, 15,
                 'one owner of each group')
        lab.wait(lambda: n1.rscstatus() in ('local', 'foreign', 'all', 'none'), 10, 'n1 to settle')
        for name in 'ab':
            stops = [host.name for host in lab.hosts
                     for _, what, op in host.resource_log()[before[host.name]:]
                     if (what, op) == (name, 'stop')]
            equal(len(stops), 1, f'stops of {name} after the healing: {stops}')
