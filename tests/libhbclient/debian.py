# debian: Debian's heartbeat programs, library and headers, unpacked below build/peer
import importlib.util
import os
import shutil
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
# By path: that folder has modules of the same names as the ones that are used here.
_spec = importlib.util.spec_from_file_location('peer', f'{os.path.dirname(HERE)}/system/peer.py')
peer = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(peer)

# What a program for Heartbeat is compiled with; not their dependencies, which it does not need.
HEADERS = ('libheartbeat2-dev', 'libplumb2-dev', 'cluster-glue-dev', 'libpils2-dev',
           'libglib2.0-dev', 'uuid-dev')


def fetch_headers():
    """The folder that Debian's headers are unpacked in; nothing is installed on the machine."""
    root = f'{peer.CACHE}/headers'
    if os.path.exists(f'{root}/usr/include/heartbeat/hb_api.h'):
        return root
    fresh = f'{root}.new'
    shutil.rmtree(fresh, ignore_errors=True)
    os.makedirs(fresh)
    command = ['apt-get', 'download', '-qq', '-o', 'APT::Sandbox::User=root', *HEADERS]
    if subprocess.run(command, cwd=fresh, capture_output=True, check=False).returncode != 0:
        subprocess.run(['apt-get', 'update', '-qq'], check=True)  # a bare machine has no lists yet
        subprocess.run(command, cwd=fresh, check=True)
    for name in sorted(os.listdir(fresh)):
        if name.endswith('.deb'):
            subprocess.run(['dpkg-deb', '-x', f'{fresh}/{name}', fresh], check=True)
    os.rename(fresh, root)
    return root


class Debian:
    """Where its parts are. The first one to ask downloads them."""

    def __init__(self):
        self.root = peer.fetch_debian()
        headers = fetch_headers()
        include = f'{headers}/usr/include'
        self.include_flags = [f'-I{include}/heartbeat', f'-I{include}', f'-I{include}/glib-2.0',
                              f'-I{headers}/usr/lib/x86_64-linux-gnu/glib-2.0/include']
        self.library_path = [f'{self.root}/usr/lib', f'{self.root}/usr/lib/x86_64-linux-gnu']
        self.link_flags = [*(f'-L{folder}' for folder in self.library_path), '-l:libhbclient.so.1',
                           '-l:libplumb.so.2', '-Wl,--allow-shlib-undefined']

    def program(self, name):
        return f'{self.root}/usr/libexec/heartbeat/{name}'
