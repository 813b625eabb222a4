# 410_configuration: --check, and directives of ha.cf that must show on a running node
import os
import re
import time

import peer
from testing import check, equal, note, test

HEARTBEAT = '/usr/libexec/heartbeat/heartbeat'
LOGD = '/usr/lib/heartbeat/ha_logd'

# A client that writes down its life; with /run/die.NAME it fails.
CLIENT = '''#!/bin/sh
echo "start $1 X=$HA_X debug=$HA_debug" >> /run/clients
trap 'echo "stop $1" >> /run/clients; exit 0' TERM
while ! [ -e /run/die.$1 ]; do sleep 0.05; done
exit 3
'''
REBOOT = '''#!/bin/sh
echo "$1" >> /run/reboots
'''
# Stands in for the watchdog's device; open for writing too, so that its end is never seen.
WATCHDOG = 'mkfifo /run/watchdog; exec 3<>/run/watchdog; exec cat <&3 >/run/watchdog.got'


def alone(lab):
    """The first host, booted and configured; a node by itself is enough for its own settings."""
    n1 = lab.hosts[0]
    n1.boot()
    lab.settings.install(n1)
    return n1


def master_of(host):
    return next(pid for pid, title in host.processes().items() if 'master control' in title)


@test(410, '--check: everything that is wrong, with its place, and exit 0, 1 or 2', limit=30)
def checked(t):
    with t.lab(initdead=10_000) as lab:
        n1 = alone(lab)
        done = n1.run(HEARTBEAT, '--check')
        equal((done.returncode, done.stdout),
              (0, '0 errors, 0 warnings: heartbeat can start with this\n'), 'a good configuration')
        n1.write('/etc/ha.d/haresources', 'n1 Tres::a NoSuch::x\nn2 OCF::heartbeat:NoSuch\n')
        done = n1.run(HEARTBEAT, '--check')
        equal(done.returncode, 1, done.stdout)
        check('haresources:1:12: warning: NoSuch::x: no script NoSuch in ' in done.stdout,
              done.stdout)
        check('haresources:2:4: warning: OCF::heartbeat:NoSuch: unknown OCF agent' in done.stdout,
              done.stdout)
        # The same finding at a start, which goes on: that script may come with another resource.
        n1.start()
        lab.wait(lambda: n1.log_lines('NoSuch::x: no script NoSuch'), 5, 'the warning in the log')
        n1.run('mkdir', '/etc/other', check=True)
        n1.shell('cp -a /etc/ha.d/* /etc/other/', check=True)
        n1.write('/etc/other/ha.cf', n1.read('/etc/other/ha.cf') + 'bcast eth7\nkeepalive 1m\n')
        n1.write('/etc/other/authkeys', 'auth 1\n1 sha1 x\n', 0o644)
        done = n1.run(HEARTBEAT, '--check', '-f', '/etc/other')
        equal(done.returncode, 2, done.stdout)
        lines = n1.read('/etc/other/ha.cf').count('\n')
        for part in (f'ha.cf:{lines - 1}:7: error: bcast eth7: no such interface; this host has ',
                     f'ha.cf:{lines}:11: error: keepalive 1m: is no time',
                     'authkeys: error: mode 0644 lets others read the keys; run: chmod 600 '
                     '/etc/other/authkeys', 'haresources:1:12: warning: '):
            check(part in done.stdout, f'{part!r} is not in {done.stdout!r}')
        # A reload runs the same code: a bad file changes nothing.
        before = n1.processes()
        n1.shell('cp /etc/other/ha.cf /etc/ha.d/ha.cf', check=True)
        done = n1.run(HEARTBEAT, '-r')
        equal(done.returncode, 1, done.stderr)
        check('ERROR: glib: IP interface [eth7] does not exist' in done.stderr, done.stderr)
        n1.run('kill', '-HUP', str(master_of(n1)), check=True)
        lab.wait(lambda: n1.log_lines('bcast eth7: no such interface'), 5, 'the refusal in the log')
        equal(n1.processes(), before, 'processes after a refused reload')


@test(411, 'watchdog, coredumps, coreroot, memreserve, rtprio on a running node', limit=60)
def process_settings(t):
    with t.lab(extra=('watchdog /run/watchdog', 'coredumps off', 'coreroot /var/crashes',
                      'memreserve 30000', 'rtprio 7')) as lab:
        n1 = alone(lab)
        n1.shell(f"mkdir /var/crashes; setsid sh -c '{WATCHDOG}' < /dev/null > /dev/null 2>&1 &",
                 check=True)
        lab.wait(lambda: n1.shell('test -p /run/watchdog').returncode == 0, 5, 'the fake device')
        n1.start()

        def pats():
            return n1.read('/run/watchdog.got')
        lab.wait(lambda: len(pats()) > 5, 10, 'the watchdog to be patted')
        master = master_of(n1)
        limits = n1.read(f'/proc/{master}/limits')
        check(re.search(r'Max core file size +0 ', limits), limits)
        equal(os.readlink(n1.path(f'/proc/{master}/cwd')), '/var/crashes/root', 'working directory')
        memory = dict(line.split(':\t', 1) for line in n1.read(f'/proc/{master}/status').splitlines()
                      if ':\t' in line)
        if not n1.log_lines('no real-time scheduling'):
            equal(n1.shell(f'chrt -p {master}').stdout.split()[-1], '7', 'priority of the master')
            reader = next(p for p, title in n1.processes().items() if ': read: ' in title)
            equal(n1.shell(f'chrt -p {reader}').stdout.split()[-1], '6', 'priority of a reader')
        check(int(memory['VmRSS'].split()[0]) > 30000, f"resident: {memory['VmRSS']}")

        n1.run('kill', '-STOP', str(master), check=True)  # it hangs: no pat, and no farewell
        silent = len(pats())
        lab.wait(lambda: str(master) not in map(str, n1.processes()), 10, 'its end')
        lab.wait(lambda: len(pats()) > silent + 3, 15, 'the next master to pat')
        check('V' not in pats(), f'the watchdog was disarmed by a crash: {pats()!r}')
        n1.stop()
        lab.wait(lambda: pats().endswith('V'), 5, 'the watchdog to be disarmed')
        equal(pats().count('V'), 1, 'farewells')


@test(412, 'respawn, failfast and env: order of start and stop, and what stands in for the reboot', limit=60)
def clients(t):
    with t.lab(extra=('env X=1,REBOOT_WITH=/etc/ha.d/fake-reboot', 'respawn root /etc/ha.d/client A',
                      'failfast root /etc/ha.d/client B', 'respawn root /etc/ha.d/client C',
                      'syslogmsgfmt no')) as lab:
        n1 = alone(lab)
        n1.write('/etc/ha.d/client', CLIENT, 0o755)
        n1.write('/etc/ha.d/fake-reboot', REBOOT, 0o755)
        n1.start()

        def seen():
            return n1.read('/run/clients').splitlines()
        lab.wait(lambda: len(seen()) == 3, 20, 'three clients')
        equal(sorted(seen()), [f'start {name} X=1 debug=0' for name in 'ABC'], 'environment')
        started = [re.search('ha.d/client (.)', line)[1] for line in n1.log_lines('Starting child client')]
        equal(started[:3], ['A', 'B', 'C'], 'order of start')
        check(re.fullmatch(r'heartbeat\[\d+\]: \d{4}/\d\d/\d\d_\d\d:\d\d:\d\d info: .*',
                           n1.log_lines('Starting child client')[0]), 'the form of dated lines')

        for _ in range(3):
            n1.run('kill', '-USR1', str(master_of(n1)), check=True)
        n1.run('kill', '-USR2', str(master_of(n1)), check=True)
        lab.wait(lambda: n1.log_lines('Debug level is now 2')[1:], 5, 'the debug level')
        n1.shell('touch /run/die.A; sleep 0.2; rm /run/die.A', check=True)
        lab.wait(lambda: 'start A X=1 debug=2' in seen(), 10, 'A to be started again')
        check(n1.log_lines('WARN: Managed /etc/ha.d/client A process '), 'no line about the end')
        check(n1.log_lines('ERROR: Respawning client "/etc/ha.d/client A":'), 'nor about the start')

        n1.run('touch', '/run/die.B', check=True)
        lab.wait(lambda: n1.read('/run/reboots'), 10, 'the reboot')
        equal(n1.read('/run/reboots'), '/etc/ha.d/client B\n', 'its reason')
        check(n1.log_lines('EMERG: Rebooting system.  Reason: /etc/ha.d/client B'), 'no such line')
        n1.stop()
        equal([line for line in seen() if line.startswith('stop')], ['stop C', 'stop A'],
              'order of stop')
        equal(n1.read('/run/reboots').count('\n'), 1, 'reboots')


def add_logd(host):
    """ha_logd of Debian's cluster-glue: the machine's own, or from the unpacked heartbeat."""
    if os.path.exists(LOGD):
        return
    debian = peer.fetch_debian()
    host.plant_tree(f'{debian}/usr/lib', '/usr/lib')


@test(413, 'use_logd: ha_logd gets the messages while it runs, the files when it does not', limit=60)
def logging_daemon(t):
    with t.lab(extra=('use_logd yes', 'conn_logd_time 1')) as lab:
        n1 = alone(lab)
        add_logd(n1)
        n1.write('/etc/logd.test', 'logfile /var/log/logd.log\ndebugfile /var/log/logd.debug\n'
                                   'logfacility none\n')
        failed = 'Initializing connection to logging daemon failed'

        def switch_debug():
            n1.run('kill', '-USR1', str(master_of(n1)), check=True)

        def daemon_has(text):
            return [line for line in n1.read('/var/log/logd.log').splitlines() if text in line]
        n1.start()
        lab.wait(lambda: n1.log_lines(failed), 10, 'the message about the daemon')
        n1.shell(f'setsid {LOGD} -c /etc/logd.test < /dev/null > /dev/null 2>&1 &', check=True)
        answers = 'The logging daemon answers'  # told through the old way or the new one
        lab.wait(lambda: n1.log_lines(answers) or daemon_has(answers), 30, 'the connection')
        equal(len(n1.log_lines(failed)), 1, 'messages about a daemon that is not there')
        switch_debug()
        lab.wait(lambda: daemon_has('Debug level is now 1'), 10, 'a message in the log of ha_logd')
        line = daemon_has('Debug level is now 1')[0]
        check(re.fullmatch(r'\w{3} \d\d \d\d:\d\d:\d\d n1 heartbeat: \[\d+\]: info: '
                           r'Debug level is now 1', line), line)
        check(not n1.log_lines('Debug level is now 1'), 'the message went to the file as well')

        n1.shell(f'kill -9 $(pidof ha_logd)', check=True)
        deadline = time.monotonic() + 15
        while not n1.log_lines('Debug level is now') and time.monotonic() < deadline:
            switch_debug()
            time.sleep(0.3)
        check(n1.log_lines('Debug level is now'), 'no message in the file after the daemon died')


@test(414, 'a renamed log is opened anew; a flood is counted; every line has the exact form', limit=60)
def log_files(t):
    with t.lab(extra=('debug 1',)) as lab:
        n1 = alone(lab)
        n1.start()
        lab.wait(lambda: n1.log_lines('Local status now set to'), 15, 'the start')
        form = re.compile(r'\w{3} \d\d \d\d:\d\d:\d\d n1 heartbeat: \[\d+\]: '
                          r'(EMERG|ALERT|CRIT|ERROR|WARN|notice|info): \S.*')
        own = [line for line in n1.log().splitlines() if ' heartbeat: ' in line]
        for line in own:
            check(form.fullmatch(line), f'not the form of a log line: {line!r}')
        equal(os.stat(n1.path('/var/log/ha-log')).st_uid, 991, 'owner of the log')
        n1.shell('mv /var/log/ha-log /var/log/ha-log.1; mv /var/log/ha-debug /var/log/ha-debug.1',
                 check=True)
        lab.wait(lambda: n1.shell('test -e /var/log/ha-log -a -e /var/log/ha-debug')
                 .returncode == 0, 20, 'new files')
        master = master_of(n1)
        for _ in range(8):  # level 255 is the highest: the same line each time
            n1.shell(f'i=0; while [ $i -lt 100 ]; do kill -USR1 {master}; i=$((i+1)); '
                     'sleep 0.002; done', check=True)
        lab.wait(lambda: n1.log_lines('Debug level is now'), 10, 'a line in the new log')
        lab.wait(lambda: n1.log_lines('last message repeated') or
                 n1.log_lines('more messages of this kind were left out: Debug level'), 20,
                 'the count of what was left out')
        written = len(n1.log_lines('Debug level is now'))
        check(written < 300, f'{written} lines of a flood were written')
        note(f'{written} lines of 800')
