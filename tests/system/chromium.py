# chromium: a headless browser in a host, driven over its debugging pipe
import base64
import fcntl
import json
import os
import select
import subprocess
import time

from hosts import ENVIRONMENT, bound

# Nothing that asks the outside world, and no profile but a new one.
OPTIONS = ('--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
           '--disable-background-networking', '--disable-component-update', '--disable-sync',
           '--disable-dev-shm-usage', '--hide-scrollbars', '--window-size=1200,1100',
           '--user-data-dir=/tmp/browser', '--remote-debugging-pipe')


class Browser:
    """One page; every wait ends after `patience` seconds with an error."""

    def __init__(self, host, url, patience=30):
        self.patience, self.number, self.buffer = patience, 0, b''
        theirs_in, self.to = os.pipe()
        self.back, theirs_out = os.pipe()
        # The browser speaks over its descriptors 3 and 4; out of their way first.
        far = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (theirs_in, theirs_out)]
        command = bound(host.enter(['chromium', *OPTIONS, 'about:blank']))
        self.log = open(f'{host.folder}/browser', 'w', encoding='utf-8')
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=self.log, pass_fds=(3, 4),
                                        preexec_fn=lambda: (os.dup2(far[0], 3),
                                                            os.dup2(far[1], 4)),
                                        env=ENVIRONMENT | {'HOME': '/tmp'})
        for end in (theirs_in, theirs_out, *far):
            os.close(end)
        target = self.ask('Target.createTarget', url=url)['targetId']
        self.session = self.ask('Target.attachToTarget', targetId=target,
                                flatten=True)['sessionId']

    def ask(self, method, **parameters):
        self.number += 1
        message = {'id': self.number, 'method': method, 'params': parameters}
        if hasattr(self, 'session'):
            message['sessionId'] = self.session
        os.write(self.to, json.dumps(message).encode() + b'\0')
        limit = time.monotonic() + self.patience
        while True:
            reply = self._next(limit)
            if reply.get('id') != self.number:
                continue  # an event
            if 'error' in reply:
                raise AssertionError(f'{method}: {reply["error"]}')
            return reply['result']

    def _next(self, limit):
        while b'\0' not in self.buffer:
            left = limit - time.monotonic()
            if left <= 0 or not select.select([self.back], [], [], left)[0]:
                raise AssertionError('the browser does not answer')
            got = os.read(self.back, 65536)
            if not got:
                with open(self.log.name, encoding='utf-8', errors='replace') as log:
                    raise AssertionError(f'the browser ended: {log.read()[-2000:]}')
            self.buffer += got
        text, self.buffer = self.buffer.split(b'\0', 1)
        return json.loads(text)

    def evaluate(self, script):
        """The value of an expression in the page."""
        return self.ask('Runtime.evaluate', expression=script,
                        returnByValue=True)['result'].get('value')

    def screenshot(self, path, scheme):
        """A picture of the page in the `light` or `dark` scheme."""
        self.ask('Emulation.setEmulatedMedia',
                 features=[{'name': 'prefers-color-scheme', 'value': scheme}])
        data = self.ask('Page.captureScreenshot', format='png')['data']
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'wb') as file:
            file.write(base64.b64decode(data))

    def close(self):
        self.process.kill()
        self.process.wait()
        self.log.close()
        os.close(self.to)
        os.close(self.back)
