# layer: harc, rc.d, the message tools and shellfuncs
import json
import os
import re

from lab import AGENTS
from manager import LOG, log_text, prepare

SHARE = '/usr/share/heartbeat'
HARC = '/etc/ha.d/harc'
RCD = '/etc/ha.d/rc.d'
NOBODY = 65534
HERE = os.path.dirname(os.path.abspath(__file__))
DATE = re.compile(r'\b[A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d ')

# tool and arguments, then the one message it sends
MESSAGES = [
    (['hb_standby'], 't=ask_resources\nrsc_hold=all\ninfo=me\n'),
    (['hb_standby', 'local'], 't=ask_resources\nrsc_hold=local\ninfo=me\n'),
    (['hb_standby', 'foreign'], 't=ask_resources\nrsc_hold=foreign\ninfo=me\n'),
    (['hb_standby', 'failback'], 't=ask_resources\nrsc_hold=foreign\ninfo=me\n'),
    (['hb_takeover'], 't=hb_takeover\nrsc_hold=all\n'),
    (['hb_takeover', 'failback'], 't=hb_takeover\nrsc_hold=failback\n'),
    (['hb_addnode', 'n3', 'n4'], 't=addnode\nnodelist=n3 n4\n'),
    (['hb_delnode', 'n3'], 't=delnode\nnodelist=n3\n'),
    (['hb_setweight', 'n2', '50'], 't=setweight\nnode=n2\nweight=50\n'),
    (['hb_setweight', 'n2'], 't=setweight\nnode=n2\nweight=\n'),
    (['hb_setsite', 'n2', 'siteB'], 't=setsite\nnode=n2\nsite=siteB\n'),
]


def framed(text):
    return [f'>>>\n{text}<<<\n']


def tools(lab, report):
    prepare(lab)
    lab.make_fifo()
    for argv, text in MESSAGES:
        outcome = lab.call([f'{SHARE}/{argv[0]}', *argv[1:]])
        report.outcome('message tool', outcome, 0)
        report.same(f'the message of {argv}, in one write', outcome.messages, framed(text))


def transcripts(lab, report):
    """What Debian's tools printed; an exit 2 there was a user who is not root."""
    prepare(lab)
    lab.make_fifo()
    with open(f'{HERE}/tools.jsonl') as lines:
        table = [json.loads(line) for line in lines]
    for entry in table:
        outcome = lab.call(entry['argv'], user=NOBODY if entry['exit'] == 2 else None)
        report.outcome('transcript', outcome, entry['exit'], entry['stdout'])
        wanted = DATE.sub('', re.sub(r': 33: cannot', ': cannot', entry['stderr']))
        seen = DATE.sub('', outcome.stderr.replace('; only root sends messages', ''))
        report.same(f'transcript, stderr of {entry["argv"]}', seen, wanted)


def no_daemon(lab, report):
    standby = f'{SHARE}/hb_standby'
    prepare(lab)
    lab.make_fifo()
    outcome = lab.call([standby], deaf=True, seconds=5)
    report.outcome('a FIFO without a reader', outcome, 1, '',
                   '.*heartbeat is not running: nobody reads /var/lib/heartbeat/fifo\n')
    report.check('gives up at once', outcome.seconds < 2, outcome.seconds)
    lab.remove('/var/lib/heartbeat/fifo')
    report.outcome('no FIFO', lab.call([standby]), 1, '', '.*heartbeat is not running.*')
    report.check('no ordinary file is made',
                 not os.path.exists(lab.path('/var/lib/heartbeat/fifo')))
    lab.write('/var/lib/heartbeat/fifo', 'precious\n')
    report.outcome('an ordinary file', lab.call([standby]), 1, '', '.*heartbeat is not running.*')
    report.same('an ordinary file', lab.read('/var/lib/heartbeat/fifo'), 'precious\n')


def clustermsg(lab, report):
    prepare(lab)
    lab.make_fifo()
    lab.write('/trace/say', '. /etc/ha.d/shellfuncs\nha_clustermsg\n')
    say = ['/bin/sh', '/trace/say']
    outcome = lab.call(say, stdin='t=x\na=b=c d  e\n')
    report.outcome('ha_clustermsg', outcome, 0, '', '')
    report.same('ha_clustermsg', outcome.messages, framed('t=x\na=b=c d  e\n'))
    for text in ('', 'no equals sign\n', 't=x\n\ny=z\n', '=x\n', f't={"x" * 509}\n',
                 ''.join(f'a{i}={"x" * 400}\n' for i in range(10))):
        outcome = lab.call(say, stdin=text)
        report.outcome(f'refused {text[:20]!r}', outcome, 2, '', '.*not sent.*')
        report.same('nothing is sent', outcome.messages, [])
    longest = f't={"x" * 508}\n'
    report.same('the longest line', lab.call(say, stdin=longest).messages, framed(longest))


def hooks(lab, report):
    prepare(lab)
    lab.make_fifo()
    dead = {**LOG, 'HA_st': 'dead', 'HA_src': 'n2'}
    report.outcome('harc status', lab.call([HARC, 'STATUS'], dead), 0, '', '')
    report.same('a dead node is taken over', lab.trace()[1], 'Delta [start]')
    report.same('harc logs', log_text(lab)[0], 'info: Running /etc/ha.d//rc.d/status status')
    prepare(lab)
    report.outcome('other statuses', lab.call([HARC, 'status'], {**dead, 'HA_st': 'up'}), 0)
    for strange in ('nosuch', '../harc', '', '..', 'a/b', '-x'):
        report.outcome('harc', lab.call([HARC, strange]), 1, '', '.*ERROR: harc.*')
    lab.write(f'{RCD}/sleepy', '#!/bin/sh\n', 0o644)
    report.outcome('not executable', lab.call([HARC, 'sleepy']), 1, '', '.*not executable.*')
    lab.remove(f'{RCD}/sleepy')
    report.same('nothing was taken', lab.trace(), [])

    lab.write('/trace/evil', 'echo evil >>/trace/calls\n', 0o755)
    hostile = {**dead, 'HA_FUNCS': '/trace/evil', 'HA_DIR': '/trace', 'HA_RCDIR': '/trace',
               'HA_RESOURCEDIR': '/trace', 'HA_BIN': '/trace', 'HA_NOARCHBIN': '/trace'}
    report.outcome('fields of a message choose no program', lab.call([HARC, 'status'], hostile), 0)
    report.same('fields of a message choose no program', lab.trace()[1], 'Delta [start]')


def answers(lab, report):
    request = {**LOG, 'HA_src': 'n2', 'HA_ipaddr': 'Delta'}
    for up, failing, weown, ok in [(True, False, 'yes', 'OK'), (False, False, 'no', 'OK'),
                                   (True, True, 'yes', 'failed')]:
        prepare(lab)
        lab.make_fifo()
        if up:
            lab.write('/trace/Delta.up', '')
        if failing:
            lab.write('/trace/Delta.fail-stop', '')
        outcome = lab.call([HARC, 'ip-request'], request)
        report.same('the answer to ip-request', outcome.messages, framed(
            f't=ip-request-resp\ndest=n2\nipaddr=Delta\nweown={weown}\nok={ok}\n'))
        report.same('released before it is answered', 'Delta [stop]' in lab.trace(), up)
    prepare(lab)
    lab.make_fifo()
    outcome = lab.call([HARC, 'ip-request'], {**request, 'HA_ipaddr': 'Alpha::9'})
    report.check('an unknown key reaches no script', lab.trace() == [] and
                 'weown=no' in ''.join(outcome.messages), [lab.trace(), outcome.messages])
    forged = lab.call([HARC, 'ip-request'], {**request, 'HA_src': 'n2\nt=evil'})
    report.same('no forged fields', (forged.exit, forged.messages), (1, []))
    own = lab.call([HARC, 'ip-request'], {**request, 'HA_src': 'n1'})
    report.same('our own request', (own.exit, own.messages), (0, []))

    answer = {**LOG, 'HA_src': 'n2', 'HA_dest': 'n1', 'HA_ipaddr': 'Delta', 'HA_weown': 'yes'}
    for change, taken in [({'HA_ok': 'OK'}, True), ({'HA_ok': 'failed'}, False),
                          ({'HA_ok': 'OK', 'HA_dest': 'n2'}, False)]:
        prepare(lab)
        report.outcome('ip-request-resp', lab.call([HARC, 'ip-request-resp'],
                                                   {**answer, **change}), 0)
        report.same(f'ip-request-resp {change}', 'Delta [start]' in lab.trace(), taken)


def asks(lab, report):
    program = f'{SHARE}/req_resource'
    prepare(lab)
    lab.make_fifo()
    to_self = 't=ip-request-resp\ndest=n1\nipaddr=Alpha::1\nweown=yes\nok=OK\n'
    for env, text in [({}, 't=ip-request\nipaddr=Alpha::1\n'),
                      ({'HA_NICEFAILBACK': 'yes'}, to_self), ({'HA_DONTASK': 'yes'}, to_self)]:
        report.same(f'req_resource {env}', lab.call([program, 'Alpha::1'], env).messages,
                    framed(text))
    lab.write('/trace/Alpha.up', '')
    report.same('req_resource of what runs', lab.call([program, 'Alpha::1']).messages, [])
    report.outcome('req_resource', lab.call([program]), 1, '', f'usage: {program} .*')

    for theirs, ours in [('all', 'all'), ('local', 'foreign'), ('foreign', 'local'),
                         ('failback', 'foreign')]:
        outcome = lab.call([HARC, 'hb_takeover'], {'HA_src': 'n2', 'HA_rsc_hold': theirs})
        report.same(f'hb_takeover {theirs}', outcome.messages,
                    framed(f't=ask_resources\nrsc_hold={ours}\ninfo=me\n'))
    for env in ({'HA_src': 'n1', 'HA_rsc_hold': 'all'}, {'HA_src': 'n2', 'HA_rsc_hold': 'x'}):
        report.same(f'hb_takeover {env}', lab.call([HARC, 'hb_takeover'], env).messages, [])


def log_lines(lab, report):
    prepare(lab)
    lab.write('/trace/speaker', '. /etc/ha.d/shellfuncs\nha_log "info: a  b"\n'
                                'HA_debug=1\nha_debug "debug: c"\nHA_debug=0\nha_debug "no"\n'
                                'ha_log "two\nlines"\n')
    report.outcome('ha_log', lab.call(['/bin/sh', '/trace/speaker'], LOG), 0, '', '')
    date = r'\d{4}/\d\d/\d\d_\d\d:\d\d:\d\d'
    speaker = r'speaker\(default\)\[\d+\]:'
    report.check('the log file', re.fullmatch(
        fr'{date}  {speaker}    info: a  b\n{date}  {speaker}    two\?lines\n',
        lab.read('/trace/log')), lab.read('/trace/log'))
    report.check('the debug file', re.fullmatch(
        fr'{speaker}\t{date} info: a  b\n{speaker}\t{date} debug: c\n'
        fr'{speaker}\t{date} two\?lines\n', lab.read('/trace/debug')), lab.read('/trace/debug'))
    report.outcome('ha_log without a place', lab.call(['/bin/sh', '/trace/speaker']), 0, '',
                   r'\w{3} \d\d \d\d:\d\d:\d\d info: a  b\n.*')


# what an agent shows of its environment, and then answers
AGENT = '''#!/bin/sh
set | sed -n "s/^OCF_RESKEY_\\([a-z]*\\)='\\(.*\\)'$/\\1=\\2/p" | sort >/trace/agent
echo "$1 $OCF_RESOURCE_INSTANCE $OCF_RA_VERSION $OCF_ROOT" >>/trace/agent
exit "$(cat /trace/code)"
'''
# resource script and arguments, then the agent's parameters
PARAMETERS = [
    (['Filesystem', '/dev/x', '/mnt', 'ext4', 'ro,sync'],
     ['device=/dev/x', 'directory=/mnt', 'fstype=ext4', 'options=ro,sync']),
    (['Delay', '3'], ['mondelay=0', 'startdelay=3', 'stopdelay=3']),
    (['Delay', '3', '5'], ['mondelay=0', 'startdelay=3', 'stopdelay=5']),
    (['MailTo', 'root@x', 'it is $HOME'], ['email=root@x', 'subject=it is $HOME']),
    (['SendArp', '10.0.0.1/eth0'], ['ip=10.0.0.1', 'nic=eth0']),
    (['AudibleAlarm', 'n1', 'n2', 'n3'], ['nodelist=n1 n2 n3']),
    (['apache'], []),
]


def wrapper(lab, report):
    prepare(lab)
    for argv, wanted in PARAMETERS:
        lab.write(f'/{AGENTS}/{argv[0]}', AGENT, 0o755)
        for operation, asked, code, text in [
            ('start', 'start', 0, 'INFO:  Success\n'),
            ('status', 'monitor', 0, 'INFO:  Running OK\n'),
            ('monitor', 'monitor', 7, 'INFO:  Resource is stopped\n'),
            ('stop', 'stop', 1, f'ERROR:  {argv[0]} stop failed with code 1\n'),
        ]:
            lab.write('/trace/code', str(code))
            outcome = lab.call([f'/etc/ha.d/resource.d/{argv[0]}', *argv[1:], operation])
            report.outcome('an OCF agent', outcome, code, text, '')
            instance = '_'.join([argv[0], *argv[1:2]]).replace('/eth0', '')
            report.same(f'parameters of {argv}', lab.trace('agent'),
                        [*wanted, f'{asked} {instance} 1.0 /usr/lib/ocf'])
    lab.remove(f'/{AGENTS}/Filesystem')
    outcome = lab.call(['/etc/ha.d/resource.d/Filesystem', '/dev/x', '/mnt', 'status'])
    report.outcome('an agent that is not installed', outcome, 5, '',
                   '.*install the package resource-agents\n')
    outcome = lab.call(['/etc/ha.d/resource.d/Delay', '1', '2', '3', 'start'])
    report.outcome('too many arguments', outcome, 2, '', '.*too many arguments.*')


# resource OCF and its words, then the parameters, the agent and its instance
NAMED = [
    (['OCF', 'Dummy'], 'heartbeat/Dummy', [], 'Dummy'),
    (['OCF', 'acme:Web', 'port=80', 'url=http://x/?a=b'], 'acme/Web',
     ['port=80', 'url=http://x/?a=b'], 'Web_port=80'),
]
# words of OCF that name no agent, or no parameter
UNNAMED = [['../Dummy'], ['acme:../../x'], [':Dummy'], ['acme:'], ['.hidden'], ['a:b:c'],
           ['Dummy', 'value'], ['Dummy', '=value'], ['Dummy', 'a-b=c'], ['Dummy', '1a=c']]


def named_agents(lab, report):
    prepare(lab)
    script = '/etc/ha.d/resource.d/OCF'
    for argv, path, wanted, instance in NAMED:
        agent = f'/usr/lib/ocf/resource.d/{path}'
        os.makedirs(os.path.dirname(lab.path(agent)), exist_ok=True)
        lab.write(agent, AGENT, 0o755)
        for operation, asked, code, text in [
            ('start', 'start', 0, 'INFO:  Success\n'),
            ('status', 'monitor', 0, 'INFO:  Running OK\n'),
            ('status', 'monitor', 7, 'INFO:  Resource is stopped\n'),
            ('status', 'monitor', 1, f'ERROR:  {path.split("/")[1]} monitor failed with code 1\n'),
        ]:
            lab.write('/trace/code', str(code))
            outcome = lab.call([script, *argv[1:], operation])
            report.outcome(f'{argv} {operation}', outcome, code, text, '')
            report.same(f'parameters of {argv}', lab.trace('agent'),
                        [*wanted, f'{asked} {instance} 1.0 /usr/lib/ocf'])
        lab.remove(agent)
        outcome = lab.call([script, *argv[1:], 'start'])
        report.outcome(f'{argv}, not installed', outcome, 5, '',
                       f'ERROR: .* there is no {re.escape(agent)}; install .*\n')
    lab.write('/usr/lib/ocf/resource.d/heartbeat/Dummy', AGENT, 0o755)
    lab.remove('/trace/agent')
    for words in UNNAMED:
        outcome = lab.call([script, *words, 'start'])
        report.outcome(f'OCF {words}', outcome, 2, '', 'ERROR: OCF: .*\n')
    for words in ([], ['start']):
        report.outcome(f'OCF {words}', lab.call([script, *words]), 2, '',
                       r'usage: \S+ \[provider:\]type .*\n')
    report.check('no agent was run', not os.path.exists(lab.path('/trace/agent')))
    lab.remove('/usr/lib/ocf/resource.d/heartbeat/Dummy')


def run(lab, report):
    for part in (tools, transcripts, no_daemon, clustermsg, hooks, answers, asks, log_lines,
                 wrapper, named_agents):
        part(lab, report)
