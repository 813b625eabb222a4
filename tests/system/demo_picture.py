# demo_picture: who holds what, link states, last events: live on a terminal, else as lines
import os
import shutil
import sys
import time

LOOK = '''other=$1; shift
echo "other $(cl_status nodestatus "$other" 2>/dev/null)"
echo "resources $(cl_status rscstatus 2>/dev/null)"
for link; do echo "$link $(cl_status hblinkstatus "$other" "$link" 2>/dev/null)"; done
ip -o -4 address show | while read -r _ _ _ address _; do echo "address $address"; done
'''
# What is worth telling of a log: who is there, what moves, which script runs.
TELLING = ('Status update for node', 'is dead', 'Link ', 'Heartbeat restart', 'wants to go standby',
           'Resources being acquired', 'esource group:', 'Running ', 'ERROR')
COLOURS = {'good': '32', 'bad': '31', 'news': '1', 'faint': '2', 'plain': ''}
MOOD = {'on': 'good', 'active': 'good', 'up': 'good', 'off': 'bad', 'dead': 'bad', '-': 'faint'}
EVENTS = 18      # lines of the list, where the terminal has room
REFRESH = 0.25   # seconds between two looks: each costs a few processes on each node


class Node:
    """What one node says at a moment; '-' where it cannot say anything."""

    def __init__(self, host, other, links):
        self.name, self.power = host.name, 'on' if host.powered else 'off'
        self.other = self.resources = '-'
        self.links = dict.fromkeys(links, '-')
        self.holds = []
        if host.powered:
            text = host.run('sh', '-c', LOOK, 'look', other.name, *links).stdout
            self._read(text, set(host.addresses.values()))

    def _read(self, text, own):
        for line in text.splitlines():
            key, _, value = line.strip().partition(' ')
            if not value:
                continue
            if key == 'address' and value not in own and not value.startswith('127.'):
                self.holds.append(value.split('/')[0])
            elif key in self.links:
                self.links[key] = value
            elif key == 'other':
                self.other = value
            elif key == 'resources':
                self.resources = value


class Picture:
    """Collects what happens in a lab and shows it."""

    def __init__(self, title):
        self.title, self.began = title, time.monotonic()
        self.lab = self.prober = None
        self.nodes, self.events, self.gaps = {}, [], {}
        self.live = sys.stdout.isatty() and os.environ.get('TERM', 'dumb') != 'dumb'
        self.coloured = self.live and 'NO_COLOR' not in os.environ
        self._drawn = 0            # lines of the picture that stands on the terminal
        self._looked_at = 0.0
        self._read_lines = {}      # host -> lines of its log that were told
        if self.live:
            print('\033[?25l', end='')  # no cursor in a picture
        else:
            print(title, flush=True)

    def watch(self, lab):
        self.lab = lab
        self._read_lines = dict.fromkeys(lab.hosts, 0)

    def seconds(self):
        return time.monotonic() - self.began

    # ---- what happens

    def tell(self, who, what, mood='plain'):
        """An event: a line now, or the newest of the list in the picture."""
        self.events.append((self.seconds(), who, what, mood))
        if not self.live:
            print(f'{self.seconds():6.2f} s  {who:<6}  {what}', flush=True)

    def look(self):
        """Reads the logs, looks at each node if it is time, and draws."""
        for host in self.lab.hosts:
            self._read_log(host)
        if time.monotonic() - self._looked_at >= REFRESH:
            self._looked_at = time.monotonic()
            links = [f'eth{link.number}' for link in self.lab.links]
            first, second = self.lab.hosts
            for host, other in ((first, second), (second, first)):
                self.nodes[host.name] = Node(host, other, links)
            self.draw()

    def _read_log(self, host):
        lines = host.log().splitlines()
        for line in lines[self._read_lines[host]:]:
            text = line.split(']: ', 1)[-1].removeprefix('info: ')
            own_link = f'Link {host.name}:' in text  # it hears its own broadcasts: no news
            if any(word in text for word in TELLING) and not own_link:
                self.tell(host.name, text, 'bad' if 'dead' in text or 'ERROR' in text else 'plain')
        self._read_lines[host] = len(lines)

    def fresh(self):
        """Forgets when it looked, so that the next look is one of now."""
        self._looked_at = 0.0

    # ---- the picture

    def table(self):
        """Rows of (text, mood) pieces."""
        links = list(next(iter(self.nodes.values())).links)
        rows = [[('  node  power  other node  resources  ' + ''.join(f'{link:<6}' for link in links)
                  + 'service addresses', 'faint')]]
        for node in self.nodes.values():
            row = [(f'  {node.name:<6}', 'news'), (f'{node.power:<7}', MOOD[node.power]),
                   (f'{node.other:<12}', MOOD.get(node.other, 'plain')),
                   (f'{node.resources:<11}', 'plain')]
            row += [(f'{node.links[link]:<6}', MOOD.get(node.links[link], 'plain'))
                    for link in links]
            holds = ' '.join(sorted(node.holds))
            rows.append(row + [(holds or '-', 'good' if holds else 'faint')])
        if self.prober:
            rows += self._client_rows()
        return rows

    def _client_rows(self):
        owner = self.prober.owner()
        off = [name for name, node in self.nodes.items() if node.power == 'off']
        if not owner:
            answer = ('no answer yet', 'faint')
        elif owner in off:
            answer = (f'no answer (the last came from {owner})', 'bad')
        else:
            answer = (f'answered by {owner}', 'good')
        gaps = ', '.join(f'{name} {gap:.1f} ms' for name, gap in self.gaps.items())
        asks = f' asks {self.prober.address} every millisecond: '
        return [[('  client', 'news'), (asks, 'plain'), answer],
                [('         gaps: ', 'plain'), (gaps or 'none yet', 'news')]]

    def draw(self):
        if not self.live or not self.nodes:
            return
        size = shutil.get_terminal_size()
        rows = [[(f'{self.title}  {self.seconds():.1f} s', 'news')], []] + self.table() + [[]]
        rows = rows[:size.lines - 1]
        room = max(0, min(EVENTS, size.lines - len(rows) - 1))
        for when, who, what, mood in self.events[len(self.events) - room:] if room else ():
            rows.append([(f'{when:6.2f} s  ', 'faint'), (f'{who:<6}  ', 'news'), (what, mood)])
        lines = [self._paint(row, size.columns - 1) + '\033[K\n' for row in rows]
        up = f'\033[{self._drawn}A' if self._drawn else ''
        print('\r' + up + ''.join(lines) + '\033[J', end='', flush=True)
        self._drawn = len(lines)

    def _paint(self, row, width):
        """One line no wider than the terminal, so that the picture keeps its height."""
        out = ''
        for text, mood in row:
            text = text[:width]
            width -= len(text)
            colour = COLOURS[mood] if self.coloured else ''
            out += f'\033[{colour}m{text}\033[0m' if colour and text else text
        return out

    def still(self):
        """In lines: the table once, between the events."""
        if not self.live:
            for row in self.table():
                print('         ' + ''.join(text for text, _ in row).rstrip(), flush=True)

    def close(self):
        """Gives the terminal back; the last picture stays."""
        if self.live:
            print('\033[?25h\033[0m', end='', flush=True)
