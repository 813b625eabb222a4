# 230_scripts: scripts that hang or fail, monitors, cleanup and maintenance, on real processes
import time

from testing import check, equal, test

OPTIONS = '/etc/ha.d/haresources.options'
NAME = 'Tres::a'


class Scripted:
    """A lab whose nodes have haresources.options."""

    def __init__(self, t, options, *implementations, **settings):
        self.lab = t.lab(*implementations, **settings)
        self.options = options

    def __enter__(self):
        self.lab.__enter__()
        for host in self.lab.hosts:
            host.boot()
            self.lab.settings.install(host)
            host.write(OPTIONS, self.options)
            host.run('mkdir', '-p', '/etc/tres', check=True)
        return self.lab

    def __exit__(self, *failure):
        return self.lab.__exit__(*failure)


def go_wrong(host, script, order):
    host.write(f'/etc/tres/{script}', order + '\n')


def mend(host, script):
    host.run('rm', '-f', f'/etc/tres/{script}', check=True)


def shown(host):
    """cl_status resources: exit code, and the words of each group's line."""
    done = host.run('cl_status', 'resources')
    lines = [line for line in done.stdout.splitlines() if not line.startswith('\t')]
    return done.returncode, {line.split('\t')[0]: line.split('\t')[1:] for line in lines}, done.stdout


def state(host, group=NAME):
    row = shown(host)[1].get(group, ['', ''])
    return row[0], row[1].split(' ')[0]


@test(230, 'W7, W10: a start that hangs is ended and the group goes to the other node', limit=60)
def hanging_start(t):
    with Scripted(t, 'default start_timeout 1s\n') as lab:
        n1, n2 = lab.hosts
        go_wrong(n1, 'a.start', 'hang')
        lab.start()
        lab.wait_placed(25, n1='', n2='ab')
        starts = [op for _, name, op in n1.resource_log() if (name, op) == ('a', 'start')]
        equal(len(starts), 2, 'starts of a on n1')
        lab.wait(lambda: state(n1) == ('n2', 'running'), 5, 'n1 to show where a runs')
        _, rows, text = shown(n1)
        check('failed on n1' in rows[NAME][1], text)
        check('start: ended, as it took too long' in text, text)
        check(not n1.log_lines('Giving up all HA resources'), 'n1 gave up more than the group')


@test(231, 'W1: a group that starts nowhere is shown as failed, with the words of its script', limit=60)
def starts_nowhere(t):
    with Scripted(t, 'group Tres::a failure_limit 1\n') as lab:
        n1, n2 = lab.hosts
        for host in lab.hosts:
            go_wrong(host, 'a.start', 'fail')
        lab.start()
        lab.wait(lambda: all(state(host) == ('-', 'failed') and
                             'failed on n1 n2' in shown(host)[2] for host in lab.hosts), 20,
                 'both nodes to show a as failed on both')
        code, rows, text = shown(n1)
        equal(code, 1, 'exit code of cl_status resources')
        check('failed on n1 n2' in rows[NAME][1], text)
        check('start: exit code 1 after ' in text, text)
        mend(n2, 'a.start')
        time.sleep(1)  # nobody tries it by itself
        equal(lab.running('a'), [], 'a runs')
        refused = n2.run('cl_status', 'cleanup', 'Tres::nosuch')
        equal(refused.returncode, 1, 'cleanup of a group that does not exist')
        check('no group; there are: Tres::a' in refused.stderr, refused.stderr)
        done = n2.run('cl_status', 'cleanup', NAME)
        equal(done.returncode, 0, f'cleanup: {done.stdout}{done.stderr}')
        lab.wait(lambda: lab.running('a') == ['n2'], 10, 'a to run on n2')
        other = n2.shell('setpriv --reuid nobody --clear-groups cl_status cleanup Tres::a')
        equal(other.returncode, 1, 'cleanup by nobody')


@test(232, 'W11: a resource that died is mended in place, then moves', limit=60)
def monitored(t):
    with Scripted(t, 'resource Tres::a monitor 1s\n') as lab:
        n1, n2 = lab.hosts
        lab.start()
        lab.wait_placed(15, n1='a', n2='b')
        n1.run('rm', '/run/tres.a', check=True)
        lab.wait(lambda: n1.log_lines('does not run any more, says its monitor'), 10, 'a monitor')
        lab.wait_placed(10, n1='a', n2='b')
        n1.run('rm', '/run/tres.a', check=True)
        lab.wait_placed(10, n1='', n2='ab')
        lab.wait(lambda: state(n2) == ('n2', 'running'), 5, 'n2 to show a')
        check('failed on n1' in shown(n2)[1][NAME][1], shown(n2)[2])
        time.sleep(2)
        lab.wait_placed(5, n1='', n2='ab')  # no failback to where it failed
        n1.run('cl_status', 'cleanup', NAME, check=True)
        lab.wait_placed(15, n1='a', n2='b')


@test(233, 'W2, W18: what would not stop is started nowhere else until somebody confirms', limit=90)
def unknown_stop(t):
    with Scripted(t, 'default stop_timeout 1s\n') as lab:
        n1, n2 = lab.hosts
        lab.start()
        lab.wait_placed(15, n1='a', n2='b')
        lab.wait_settled(10)
        go_wrong(n1, 'a.stop', 'hang')
        n1.run('/usr/share/heartbeat/hb_standby', 'local')
        lab.wait(lambda: state(n1) == ('n1', 'unknown'), 30, 'n1 to say that it does not know')
        lab.wait(lambda: n1.log_lines('stays booked here'), 5, 'the alarm')
        equal(lab.running('a'), ['n1'], 'a')
        masters = [pid for pid, title in n1.processes().items() if 'master control' in title]
        equal(len(masters), 1, 'n1 was neither killed nor rebooted')
        n1.power_off()
        lab.wait(lambda: n2.log_lines('would not stop on n1, which is gone'), 15, 'n2 to refuse')
        time.sleep(2)
        equal(n2.resources(), ['b'], 'on n2')
        equal(state(n2), ('-', 'unknown'), 'a as n2 shows it')
        check(not n2.log_lines('Dead node n1 gave up resources'), 'n2 took n1 for empty-handed')
        done = n2.run('cl_status', 'cleanup', NAME)
        equal(done.returncode, 0, done.stderr)
        lab.wait_placed(10, n2='ab')


@test(234, 'maintenance: nothing moves, not even over a crash of the master; then everything', limit=60)
def maintenance(t):
    with t.lab() as lab:
        n1, n2 = lab.hosts
        lab.start()
        lab.wait_placed(15, n1='a', n2='b')
        lab.wait_settled(10)
        equal(n1.run('cl_status', 'maintenance').stdout, 'off\n', 'maintenance at first')
        equal(n1.run('cl_status', 'maintenance', 'on').returncode, 0, 'maintenance on')
        lab.wait(lambda: n2.run('cl_status', 'maintenance').stdout == 'on\n', 5, 'n2 to know of it')
        master = next(pid for pid, title in n2.processes().items() if 'master control' in title)
        n2.run('kill', '-KILL', str(master), check=True)
        lab.wait(lambda: n2.run('cl_status', 'maintenance').stdout == 'on\n', 10,
                 'the next master to know of it')
        n1.power_off()
        lab.wait(lambda: n2.log_lines('node n1: is dead'), 15, 'n2 to see the death')
        time.sleep(1)
        equal(n2.resources(), ['b'], 'on n2')
        equal(n2.run('cl_status', 'maintenance', 'off').returncode, 0, 'maintenance off')
        lab.wait_placed(10, n2='ab')


@test(235, 'a stop of the daemon in maintenance, wrong options, and a reload that refuses them', limit=60)
def options_reload(t):
    with Scripted(t, 'group Tres::a monitor 1s\n') as lab:
        n1, n2 = lab.hosts
        lab.start()
        lab.wait_placed(15, n1='a', n2='b')
        master = next(pid for pid, title in n1.processes().items() if 'master control' in title)
        n1.write(OPTIONS, 'group Tres::x monitor 1s\n')
        n1.run('kill', '-HUP', str(master), check=True)
        lab.wait(lambda: n1.log_lines('haresources.options:1:7: error: Tres::x: is no group'), 10,
                 'the error with its place')
        n1.run('rm', '/run/tres.a', check=True)  # the old options are in force
        lab.wait(lambda: n1.log_lines('Tres::a: stopping and starting it in its place'), 10,
                 'the recovery')
        lab.wait_placed(10, n1='a', n2='b')
        n1.write(OPTIONS, 'default failure_limit 2\n')
        n1.run('kill', '-HUP', str(master), check=True)
        lab.wait(lambda: len(n1.log_lines('Configuration validated')) == 2, 15, 'the next image')
        lab.wait_placed(10, n1='a', n2='b')


@test(236, 'beside 3.0.6: a group that fails here goes there once; maintenance keeps ours', limit=120)
def beside_old(t):
    with t.lab('ours', 'debian') as lab:
        n1, n2 = lab.hosts
        for host in lab.hosts:
            host.boot()
            lab.settings.install(host)
            host.run('mkdir', '-p', '/etc/tres', check=True)
        go_wrong(n1, 'a.start', 'fail')
        lab.start()
        lab.wait_placed(60, n1='', n2='ab')
        check('failed on n1' in shown(n1)[1][NAME][1], shown(n1)[2])
        mend(n1, 'a.start')
        n1.run('cl_status', 'cleanup', NAME, check=True)
        n1.run('cl_status', 'maintenance', 'on', check=True)
        n1.run('/usr/share/heartbeat/hb_takeover', 'local')
        time.sleep(2)
        lab.wait_placed(5, n1='', n2='ab')


@test(237, 'W17: hb_standby and hb_takeover tell whether they were accepted, and why not', limit=60)
def honest_orders(t):
    with t.lab(auto_failback='off') as lab:
        n1, n2 = lab.hosts
        lab.start(n1)
        lab.wait_placed(20, n1='ab')
        lab.wait_settled(15, n1='all')
        for command in ('hb_standby', 'hb_takeover'):
            done = n1.run(f'/usr/share/heartbeat/{command}')
            equal(done.returncode, 1, f'{command} without another node')
            check('there is no other node' in done.stderr or 'No reply' in done.stderr, done.stderr)
        lab.start(n2)
        lab.wait_settled(15, n1='all', n2='none')
        equal(n1.run('/usr/share/heartbeat/hb_standby').returncode, 0, 'hb_standby')
        lab.wait_placed(15, n1='', n2='ab')
        lab.wait_settled(15, n1='none', n2='all')
        equal(n1.run('/usr/share/heartbeat/hb_takeover').returncode, 0, 'hb_takeover')
        lab.wait_placed(15, n1='ab', n2='')
