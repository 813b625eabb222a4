# 062_web_page: the web page of mgmtd in a real browser, live; status.json and metrics
import json
import os

from chromium import Browser
from lab import VIP1
from hosts import TOP
from testing import check, equal, test

PORT = 5561
URL = f'http://127.0.0.1:{PORT}/'
FETCH = '''
import socket, sys
s = socket.create_connection(('127.0.0.1', 5561), 5)
s.settimeout(10)
s.sendall(sys.stdin.buffer.read())
while data := s.recv(65536):
    sys.stdout.buffer.write(data)
'''


def fetch(host, path='/', method='GET', server='localhost'):
    """Status and body of an answer."""
    request = f'{method} {path} HTTP/1.1\r\nHost: {server}\r\n\r\n'
    done = host.run('python3', '-c', FETCH, text=request)
    head, _, body = done.stdout.partition('\n\n')  # text mode makes \r\n a newline
    return (int(head.split()[1]) if head else 0), body


@test(62, 'the web page follows a cut link and a dead node live; status.json, metrics', limit=60)
def web_page(t):
    with t.lab(extra=(f'respawn root /usr/lib/heartbeat/mgmtd --no-tls --http {PORT}',)) as lab:
        n1, n2 = lab.hosts
        lab.start()
        lab.wait_placed(t.pace(8, 25), n1='a', n2='b')
        lab.wait_settled(t.pace(8, 15))
        lab.wait(lambda: fetch(n1, '/status.json')[0] == 200, 10, 'status.json')
        requests(lab, n1)
        browser = Browser(n1, URL)
        try:
            look(lab, n1, n2, browser)
        finally:
            browser.close()


def requests(lab, n1):
    lab.wait(lambda: json.loads(fetch(n1, '/status.json')[1])['holding'] == 'local', 10, 'local')
    status = json.loads(fetch(n1, '/status.json')[1])
    equal([node['name'] for node in status['nodes']], ['n1', 'n2'], 'nodes')
    equal([group['owner'] for group in status['groups']], ['n1', 'n2'], 'owners')
    code, metrics = fetch(n1, '/metrics')
    check(code == 200 and metrics.endswith('# EOF\n'), 'metrics end with # EOF')
    for line in ('heartbeat_up 1', 'heartbeat_node_active{node="n2",type="normal"} 1',
                 'heartbeat_link_up{node="n2",link="eth1"} 1',
                 'heartbeat_group_held_here{group="Tres::a"} 1'):
        check(line in metrics.splitlines(), f'{line} in the metrics:\n{metrics}')
    equal(fetch(n1, '/', 'POST')[0], 405, 'a request to change something')
    equal(fetch(n1, '/../../etc/passwd')[0], 404, 'a page that there is not')
    equal(fetch(n1, '/status.json', server='evil.example')[0], 421, 'the name of another site')
    equal(fetch(n1, 'x' * 9000)[0], 400, 'a head that is too long')
    check(n1.run('ss', '-ltn').stdout.count(f'127.0.0.1:{PORT}') == 1, 'it listens on loopback')


def look(lab, n1, n2, browser):
    def says(text, seconds=10):
        lab.wait(lambda: text in (browser.evaluate('document.body.innerText') or ''), seconds,
                 f'the page to say {text!r}')
    says('All is well', 20)
    says('live')
    browser.screenshot(f'{TOP}/build/system/page-light.png', 'light')
    lab.links[1].cut(n2)
    says('Link eth1 to n2 is dead')
    lab.links[1].heal(n2)
    says('All is well')
    n2.power_off()
    says('n2 is dead')
    lab.wait(lambda: VIP1 in n1.service_addresses(), 10, 'n1 to serve')
    says('Tres::b: n2 → n1')
    says('node n2: is dead')
    browser.screenshot(f'{TOP}/build/system/page-dark.png', 'dark')
    for scheme in ('light', 'dark'):
        size = os.path.getsize(f'{TOP}/build/system/page-{scheme}.png')
        check(size > 20000, f'the {scheme} picture has {size} bytes: it is blank')
    n1.stop()
    says('connection lost')
