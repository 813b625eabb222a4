# initscript: /etc/init.d/heartbeat against what Debian's printed, over a stand-in daemon
import json
import os

HERE = os.path.dirname(os.path.abspath(__file__))
SCRIPT = '/etc/init.d/heartbeat'
# `sleep` of the lab first: restart would take deadtime + 10 s
PATH = {'PATH': '/usr/libexec/heartbeat:/usr/sbin:/usr/bin:/sbin:/bin'}

# The daemon's command line as far as an init script sees it; /trace/daemon-* steer it.
DAEMON = '''#!/bin/sh
echo "heartbeat $*" >>/trace/calls
case ${1-} in
-s)
  if [ -e /trace/daemon-up ]; then
    echo "heartbeat OK [pid 3773 et al] is running on n1 [n1]..."
    exit 0
  fi
  echo 'heartbeat is stopped. No process'
  exit "$(cat /trace/daemon-stopped)"
  ;;
-k) rm -f /trace/daemon-up ;;
-r) echo 'reread' >&2 ;;
'')
  if [ -e /trace/daemon-fails ]; then
    cat /trace/daemon-fails >&2
    exit 6
  fi
  : >/trace/daemon-up
  echo 'noise' >&2
  # lives on, with the caller's output still open
  /bin/sleep 5 &
  ;;
esac
'''


def prepare(lab, running, auto_failback='auto_failback on\n'):
    lab.clean()
    lab.make_fifo()
    lab.write('/usr/libexec/heartbeat/heartbeat', DAEMON, 0o755)
    lab.write('/etc/ha.d/ha.cf', f'deadtime 1500ms # comment\n{auto_failback}node n1 n2\n')
    lab.write('/etc/ha.d/haresources', 'n1 Alpha\n')
    lab.resource('Alpha')
    lab.write('/trace/daemon-stopped', '1')
    if running:
        lab.write('/trace/daemon-up', '')


def transcripts(lab, report):
    with open(f'{HERE}/initscript.jsonl') as lines:
        table = [json.loads(line) for line in lines]
    running = {'initscript-running': True, 'initscript-restart': True}
    scenario = None
    for entry in table:
        if entry['scenario'] != scenario:
            scenario = entry['scenario']
            prepare(lab, running.get(scenario, False),
                    'pacemaker ccm-only\n' if scenario.startswith('pacemaker') else
                    'auto_failback on\n')
        if scenario == 'no-ha.cf':
            lab.remove('/etc/ha.d/ha.cf')
        if scenario == 'authkeys-0644':
            lab.write('/trace/daemon-fails', entry['stdout'].split('\n\n', 1)[1][:-1])
        if entry['exit'] == 3:
            lab.write('/trace/daemon-stopped', '3')
        wanted = entry['stdout'].replace('pid 4627', 'pid 3773')
        report.outcome(f'{scenario}', lab.call(entry['argv'], PATH), entry['exit'], wanted)


def details(lab, report):
    prepare(lab, False)
    report.outcome('start', lab.call([SCRIPT, 'start'], PATH, seconds=4), 0,
                   'Starting High-Availability services: Done.\n\n', '')
    for folder in ('/run/heartbeat', '/run/heartbeat/ccm', '/run/heartbeat/crm',
                   '/run/heartbeat/dopd', '/run/crm'):
        mode = os.stat(lab.path(folder)).st_mode & 0o7777 if os.path.isdir(lab.path(folder)) else 0
        report.same(f'mode of {folder}', oct(mode), oct(0o750))
    report.same('mode of /run/resource-agents',
                oct(os.stat(lab.path('/run/resource-agents')).st_mode & 0o7777), oct(0o1755))
    report.check('lock file', os.path.exists(lab.path('/var/lock/subsys/heartbeat')))
    report.same('no file is left in /run',
                [f for f in os.listdir(lab.path('/run')) if f.startswith('heartbeat-start')], [])

    lab.call([SCRIPT, 'restart'], PATH)
    report.same('restart waits deadtime, rounded up, and 10 s', lab.trace('sleeps'), ['12'])

    prepare(lab, False)
    lab.write('/trace/Alpha.up', '')
    report.outcome('a resource that runs already', lab.call([SCRIPT, 'start'], PATH), 0,
                   'Starting High-Availability services: Done.\n\n',
                   '.*CRITICAL: Resource Alpha is active, and should not be!.*')

    prepare(lab, True)
    lab.write('/etc/ha.d/resource.d/startstop',
              '#!/bin/sh\necho "hook $*" >>/trace/calls\n', 0o755)
    for verb in ('start', 'stop'):
        lab.call([SCRIPT, verb], PATH)
    lab.remove('/etc/ha.d/resource.d/startstop')
    report.same('hooks', [line for line in lab.trace() if line.startswith('hook')],
                ['hook post-start 0', 'hook pre-stop', 'hook post-stop 0'])
    report.check('lock file', not os.path.exists(lab.path('/var/lock/subsys/heartbeat')))

    prepare(lab, True)
    outcome = lab.call([SCRIPT, 'standby'], PATH)
    report.same('standby', outcome.messages, ['>>>\nt=ask_resources\nrsc_hold=all\ninfo=me\n<<<\n'])
    outcome = lab.call([SCRIPT, 'standby'], PATH, deaf=True)
    report.outcome('standby without a reader', outcome, 1,
                   'auto_failback: on\nAttempting to enter standby mode Failed.\n')
    for setting, text in [('', 'auto_failback defaulted to legacy.  Cannot enter standby.\n'),
                          ('auto_failback legacy\n', 'auto_failback: legacy\nauto_failback is set '
                           'to legacy.  Cannot enter standby.\n')]:
        prepare(lab, True, setting)
        report.outcome('standby', lab.call([SCRIPT, 'standby'], PATH), 1, text)


def run(lab, report):
    transcripts(lab, report)
    details(lab, report)
