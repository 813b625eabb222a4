# power: a lab's power switch, and the fencing devices that use it: an external plugin and an agent
import glob
import os
import shutil
import time

import peer

GLUE = ('libstonith', 'libpils', 'libplumb')
PLUGINS = 'usr/lib/stonith/plugins'

# Asks the lab (which sees the host's files), and waits for its answer: the exit code.
ASK = '''#!/bin/sh
# power: usage: power OPERATION NODE
ask=/run/power.$$
echo "$1 $2" > $ask.new && mv $ask.new $ask.ask
while [ ! -e $ask.answer ]; do sleep 0.02; done
read -r code < $ask.answer
[ "$code" = 0 ] || echo "the switch says no to $1 of $2"
exit "$code"
'''

PLUGIN = '''#!/bin/sh
# lab: a plugin of the kind external/*; its parameter is the list of hosts
case $1 in
    gethosts) for host in $hostlist; do echo "$host"; done ;;
    on | off | reset) exec /usr/local/sbin/power "$1" "$2" ;;
    status) [ ! -e /etc/power.broken ] ;;
    getconfignames) echo hostlist ;;
    getinfo-*) echo lab ;;
    *) exit 1 ;;
esac
'''

AGENT = '''#!/bin/sh
# fence_lab: an agent that speaks as those of fence-agents: parameters on standard input
while IFS='=' read -r name value; do
    case $name in
        action) action=$value ;;
        nodename) node=$value ;;
        secret) secret=$value ;;
    esac
done
[ "$secret" = 'a=b' ] || { echo "wrong secret: $secret"; exit 1; }
case $action in
    off | reboot) exec /usr/local/sbin/power "$action" "$node" ;;
    monitor | status) [ ! -e /etc/power.broken ] || { echo 'no route to the switch'; exit 1; } ;;
    *) exit 1 ;;
esac
'''


def equip(host):
    """Gives a host, before it boots, cluster-glue's stonith and the two devices."""
    upper = f'{host.folder}/upper'
    if host.implementation == 'ours':
        debian = peer.fetch_debian()
        os.makedirs(f'{upper}/usr/sbin', exist_ok=True)
        shutil.copy(f'{debian}/usr/sbin/stonith', f'{upper}/usr/sbin/stonith')
        for name in os.listdir(f'{debian}/usr/lib'):
            if name.startswith(GLUE):
                shutil.copy(f'{debian}/usr/lib/{name}', f'{upper}/usr/lib/{name}',
                            follow_symlinks=False)
        for folder in (PLUGINS, 'usr/lib/heartbeat/plugins', 'usr/lib/x86_64-linux-gnu'):
            shutil.copytree(f'{debian}/{folder}', f'{upper}/{folder}', symlinks=True,
                            dirs_exist_ok=True)
    host._plant(f'{PLUGINS}/external/lab', PLUGIN, 0o755)
    host._plant('usr/local/sbin/power', ASK, 0o755)
    host._plant('usr/sbin/fence_lab', AGENT, 0o755)


class PowerSwitch:
    """Carries out what the devices ask for; its mode is `works`, `fails` or `hangs`.

    It works only inside until(), so that no host loses its power while a test speaks to it.
    """

    def __init__(self, lab, mode='works'):
        self.lab, self.mode = lab, mode
        self.events = []  # (time, what, host that asked, operation, node); what: asked, off, failed
        self._asked = set()
        for host in lab.hosts:
            equip(host)

    def times(self, what):
        return [event[0] for event in self.events if event[1] == what]

    def pending(self):
        """(host, file, operation, node) of every question whose program still waits."""
        found = []
        for host in self.lab.hosts:
            for path in glob.glob(host.path('/run/power.*.ask')) if host.powered else ():
                pid = os.path.basename(path).split('.')[1]
                if os.path.exists(host.path(f'/proc/{pid}')):
                    with open(path, encoding='ascii') as file:
                        found.append((host, path, *file.read().split()))
        return found

    def serve(self):
        for host, path, operation, node in self.pending():
            if not host.powered:
                continue  # it was switched off a moment ago
            about = (host.name, operation, node)
            if path not in self._asked:
                self._asked.add(path)
                self.events.append((time.time(), 'asked', *about))
            if self.mode == 'hangs':
                continue
            os.unlink(path)
            if self.mode == 'works':
                victim = next(each for each in self.lab.hosts if each.name == node)
                if victim.powered:
                    victim.power_off()
            self.events.append((time.time(), 'off' if self.mode == 'works' else 'failed', *about))
            fresh = path.removesuffix('.ask') + '.new'
            with open(fresh, 'w', encoding='ascii') as file:
                file.write('0\n' if self.mode == 'works' else '1\n')
            os.rename(fresh, path.removesuffix('.ask') + '.answer')

    def until(self, condition, timeout, what):
        """As Lab.wait, with the switch at work."""
        self.lab.wait(lambda: self.serve() or condition(), timeout, what)
