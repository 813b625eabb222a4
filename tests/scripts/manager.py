# manager: ResourceManager and mach_down against a table of haresources and resource scripts
import time

MANAGER = '/usr/share/heartbeat/ResourceManager'
LOG = {'HA_LOGFILE': '/trace/log', 'HA_DEBUGLOG': '/trace/debug'}

HARESOURCES = '''# a comment \\
n1 Alpha::1 Beta::x::y	Gamma   # the rest is a comment
N2 Delta \\
   Epsilon::e
n1	10.77.0.100/24/eth0 Alpha::2
n3 Zeta \\
# a comment inside a continued line
   Eta
n4
'''

# what `status` prints, and whether that means running (resources §6.2)
STATUS_TEXTS = [
    ('running', True), ('OK', True), ('NOK', True), ('notrunning', True),
    ('running but unhealthy', True), ('is not\nrunning', True), ('INFO:  Running OK', True),
    ('RUNNING', False), ('ok', False), ('active', False), ('stopped', False),
    ('was running, is not running', False), ('not ok\nrunning', False), ('', False),
]


def prepare(lab, text=HARESOURCES):
    lab.clean()
    lab.write('/etc/ha.d/haresources', text)
    for name in ('Alpha', 'Beta', 'Gamma', 'Delta', 'Epsilon', 'Zeta', 'Eta'):
        lab.resource(name)


def log_text(lab):
    """The log without dates and process ids."""
    return [line.split('    ', 1)[-1] for line in lab.read('/trace/log').splitlines()]


def lists(lab, report):
    prepare(lab)
    for argv, wanted in [
        (['listkeys', 'n1'], 'Alpha::1\n10.77.0.100/24/eth0\n'),
        (['listkeys', 'N2'], 'Delta\n'),
        (['listkeys', 'n[23]'], 'Delta\nZeta\n'),
        (['listkeys', 'n4'], ''),
        (['listkeys', 'n'], ''),
        (['listkeys', '.*'], 'Alpha::1\nDelta\n10.77.0.100/24/eth0\nZeta\n'),
        (['allkeys'], 'Alpha::1\nDelta\n10.77.0.100/24/eth0\nZeta\n'),
        (['ourkeys'], 'Alpha::1 Beta::x::y Gamma \n10.77.0.100/24/eth0 Alpha::2 \n'),
        (['otherkeys'], 'Delta Epsilon::e \nZeta Eta \n'),
    ]:
        report.outcome('lists', lab.call([MANAGER, *argv]), 0, wanted, '')
    usage = (f'usage: {MANAGER} listkeys machine \\| takegroup key \\| givegroup key'
             '\\|status resource\n')
    for argv in ([], ['bogus'], ['takegroup'], ['status', '']):
        report.outcome('usage', lab.call([MANAGER, *argv]), 1, '', usage)
    lab.remove('/etc/ha.d/haresources')
    report.outcome('no haresources', lab.call([MANAGER, 'allkeys']), 0, '', '')


def statuses(lab, report):
    prepare(lab)
    for text, runs in STATUS_TEXTS:
        lab.write('/trace/Alpha.says', text + ('\n' if text else ''))
        report.outcome(f'status text {text!r}', lab.call([MANAGER, 'status', 'Alpha']),
                       0 if runs else 3)
    lab.remove('/trace/Alpha.says')
    lab.write('/trace/Alpha.up', '')
    report.outcome('arguments', lab.call([MANAGER, 'status', 'Alpha::a::b']), 0)
    report.same('arguments', lab.trace()[-1], 'Alpha [a] [b] [status]')
    for strange in ('NoSuch', '../../usr/bin/id', '.', 'Alpha/'):
        report.outcome('unknown script', lab.call([MANAGER, 'status', strange]), 3, '',
                       '.*Cannot locate resource script.*')
    for resource, words in [('Alpha::fd77::1', '[fd77] [1]'), ('Alpha::::x::', '[x]'),
                            ('Alpha::a::b/c::d', '[a] [b/c] [d]'), ('Alpha', '')]:
        lab.call([MANAGER, 'status', resource])
        report.same(f'arguments of {resource}', lab.trace()[-1],
                    ' '.join(('Alpha ' + words + ' [status]').split()))
    lab.resource('OldStyle', '/etc/init.d')
    lab.write('/trace/OldStyle.up', '')
    report.outcome('init.d', lab.call([MANAGER, 'status', 'OldStyle']), 0)
    report.same('init.d', lab.trace()[-1], 'OldStyle [status]')


def takes(lab, report):
    prepare(lab)
    lab.write('/trace/Beta.up', '')
    report.outcome('takegroup', lab.call([MANAGER, 'takegroup', 'Alpha::1'], LOG), 0, '', '')
    report.same('start from left to right, what runs is skipped', lab.trace(), [
        'Alpha [1] [status]', 'Alpha [1] [start]', 'Beta [x] [y] [status]', 'Gamma [status]',
        'Gamma [start]'])
    folder = '/etc/ha.d/resource.d'
    report.same('log of takegroup', log_text(lab), [
        'info: Acquiring resource group: n1 Alpha::1 Beta::x::y Gamma',
        f'info: Running {folder}/Alpha 1 start', f'info: Running {folder}/Gamma  start'])
    prepare(lab)
    report.outcome('a whole line as argument',
                   lab.call([MANAGER, 'givegroup', 'Alpha::1', 'Beta::x::y', 'Gamma'], LOG), 0)
    report.same('stop from right to left, without asking', lab.trace(), [
        'Gamma [stop]', 'Beta [x] [y] [stop]', 'Alpha [1] [stop]'])
    report.same('log of givegroup', log_text(lab)[0],
                'info: Releasing resource group: n1 Alpha::1 Beta::x::y Gamma')
    report.outcome('unknown key', lab.call([MANAGER, 'takegroup', 'Nobody']), 0, '',
                   '.*WARN: take: no group in /etc/ha.d/haresources has the key Nobody.*')
    report.outcome('statgroup', lab.call([MANAGER, 'statgroup', 'Alpha::1']), 0, 'NONE\n')
    lab.write('/trace/Alpha.up', '')
    report.outcome('statgroup', lab.call([MANAGER, 'statgroup', 'Alpha::1']), 0, 'SOME\n')
    for name in ('Beta', 'Gamma'):
        lab.write(f'/trace/{name}.up', '')
    report.outcome('statgroup', lab.call([MANAGER, 'statgroup', 'Alpha::1']), 0, 'ALL\n')
    report.outcome('verifyallidle', lab.call([MANAGER, 'verifyallidle']), 1, '',
                   '.*CRITICAL: Resource Alpha::1 is active, and should not be!.*')
    prepare(lab)
    report.outcome('verifyallidle, all idle', lab.call([MANAGER, 'verifyallidle']), 0, '', '')


def wait_for_log(lab, text):
    for _ in range(100):
        if any(text in line for line in log_text(lab)):
            return True
        time.sleep(0.05)
    return False


def failed_starts(lab, report):
    for key, node, wanted in [('Alpha::1', 'n1', 'local'), ('Delta', 'n1', 'foreign')]:
        prepare(lab)
        failing = {'Alpha::1': 'Beta', 'Delta': 'Epsilon'}[key]
        lab.write(f'/trace/{failing}.fail-start', '')
        outcome = lab.call([MANAGER, 'takegroup', key], LOG)
        report.outcome('a failed start is told to the caller', outcome, 1, '', '')
        lines = log_text(lab)
        report.check('the failed resource is named', any(
            line.startswith(f'CRIT: Giving up resources due to failure of {failing}')
            for line in lines), lines)
        report.check('another node is asked 30 s later',
                     wait_for_log(lab, f'Going standby [{wanted}].'), log_text(lab))
        report.same('another node is asked 30 s later', lab.trace('sleeps'), ['30'])
    report.same('the whole group is stopped', lab.trace(), [
        'Delta [status]', 'Delta [start]', 'Epsilon [e] [status]', 'Epsilon [e] [start]',
        'Epsilon [e] [stop]', 'Delta [stop]'])


def failed_stops(lab, report):
    prepare(lab)
    lab.write('/trace/Epsilon.fail-stop', '')
    lab.write('/trace/Epsilon.up', '')
    report.outcome('a stop that fails', lab.call([MANAGER, 'givegroup', 'Delta'], LOG), 7)
    report.same('eleven attempts, nothing below it stopped', lab.trace(),
                ['Epsilon [e] [stop]'] * 11 + ['Epsilon [e] [status]'])
    report.same('a second between attempts', lab.trace('sleeps'), ['1'] * 10)
    lines = log_text(lab)
    report.same('retries are logged',
                lines.count('info: Retrying failed stop operation [Epsilon::e]'), 10)
    report.check('said loudly', 'CRIT: Resource STOP failure. Reboot required!' in lines, lines)

    prepare(lab)
    lab.write('/trace/Epsilon.fail-stop', '')
    report.outcome('a stop that fails, but stopped', lab.call(
        [MANAGER, 'givegroup', 'Delta'], {**LOG, 'HA_STOPRETRYMAX': '2'}), 0)
    report.same('HA_STOPRETRYMAX', lab.trace(),
                ['Epsilon [e] [stop]'] * 3 + ['Epsilon [e] [status]', 'Delta [stop]'])
    report.same('three lines say so', log_text(lab)[-4:-1], [
        'ERROR: Resource script for Epsilon::e probably not LSB-compliant.',
        'WARN: it (Epsilon::e) MUST succeed on a stop when already stopped',
        'WARN: Machine reboot narrowly avoided!'])

    prepare(lab, 'n1 Alpha NoSuch Beta\n')
    report.outcome('a missing script', lab.call([MANAGER, 'givegroup', 'Alpha'], LOG), 0)
    report.same('a missing script costs no time', lab.trace('sleeps'), [])
    report.same('a missing script', lab.trace(), ['Beta [stop]', 'Alpha [stop]'])
    report.outcome('a missing script cannot start',
                   lab.call([MANAGER, 'takegroup', 'Alpha'], LOG), 1)


def literal_words(lab, report):
    prepare(lab, 'n1 Alpha::1\nn2 Beta::b Alpha::1\nn1 Gamma::[x]*+(y)|.\nn1 Delta::*::?[a-z]\n'
                 'n1 Eta::$(id)::`id`::;id\n')
    lab.call([MANAGER, 'takegroup', 'Alpha::1'], LOG)
    report.same('a key that stands in another line too', lab.trace(),
                ['Alpha [1] [status]', 'Alpha [1] [start]'])
    lab.call([MANAGER, 'takegroup', 'Gamma::[x]*+(y)|.'], LOG)
    report.same('a key with signs of a pattern', lab.trace()[2:],
                ['Gamma [[x]*+(y)|.] [status]', 'Gamma [[x]*+(y)|.] [start]'])
    lab.call([MANAGER, 'takegroup', 'Delta::*::?[a-z]'], LOG)
    report.same('arguments are not expanded', lab.trace()[4:],
                ['Delta [*] [?[a-z]] [status]', 'Delta [*] [?[a-z]] [start]'])
    lab.call([MANAGER, 'givegroup', 'Eta::$(id)::`id`::;id'], LOG)
    report.same('arguments are not run', lab.trace()[6:], ['Eta [$(id)] [`id`] [;id] [stop]'])
    report.same('not a pattern', lab.call([MANAGER, 'takegroup', '.*']).stderr.count('WARN'), 1)


def machine_down(lab, report):
    program = '/usr/share/heartbeat/mach_down'
    prepare(lab)
    lab.make_fifo()
    outcome = lab.call([program, 'N2'], LOG)
    report.outcome('mach_down', outcome, 0, '', '')
    report.same('mach_down takes the groups of the dead node', lab.trace(), [
        'Delta [status]', 'Delta [start]', 'Epsilon [e] [status]', 'Epsilon [e] [start]'])
    report.check('mach_down logs', log_text(lab)[0] == 'info: Taking over resource group Delta' and
                 log_text(lab)[-1] == 'info: mach_down takeover complete for node n2.',
                 log_text(lab))
    report.same('mach_down says nothing without nice failback', outcome.messages, [])
    outcome = lab.call([program, 'n2'], {**LOG, 'HA_NICEFAILBACK': 'yes'})
    report.same('mach_down tells the cluster', outcome.messages,
                ['>>>\nt=resource\nrsc_hold=foreign\ninfo=mach_down\n<<<\n'])
    prepare(lab)
    report.outcome('mach_down of ourselves', lab.call([program, 'n1'], LOG), 0)
    report.outcome('mach_down of a ping node',
                   lab.call([program, 'n2'], {**LOG, 'HA_info': 'ping'}), 0)
    report.outcome('mach_down of a pattern', lab.call([program, 'n.'], LOG), 0)
    report.same('mach_down takes nothing then', lab.trace(), [])
    lab.write('/trace/Delta.fail-start', '')
    report.outcome('mach_down tells of a failed start', lab.call([program, 'n2'], LOG), 1)
    report.outcome('mach_down without a node', lab.call([program]), 1, '', f'usage: {program} .*')


def run(lab, report):
    for part in (lists, statuses, takes, failed_starts, failed_stops, literal_words, machine_down):
        part(lab, report)
