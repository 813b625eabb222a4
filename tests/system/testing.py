# testing: numbered tests, their context, and small checks with clear failures
import os
import shlex
import sys

import lab as laboratory

TESTS = {}  # number -> Test
RUN = os.path.relpath(os.path.join(os.path.dirname(__file__), 'run'), laboratory.TOP)

# Milliseconds for which the client's own process may not run on a busy machine: a gap that it then
# sees is none of the service's. Whether an address moved is told by its owner, not by a gap.
STALL = 500


class Test:
    """A function with a number, a name, and the seconds it may take."""

    def __init__(self, number, name, limit, function):
        self.number, self.name, self.limit, self.function = number, name, limit, function


def test(number, name, limit=60):
    """Registers a test: @test(10, 'cold start', limit=30)."""
    def register(function):
        assert number not in TESTS, f'two tests have the number {number}'
        TESTS[number] = Test(number, name, limit, function)
        return function
    return register


class Context:
    """What a test gets: the implementation under test, and labs."""

    def __init__(self, number, implementation='ours', seed=None, keep=False):
        self.number, self.implementation, self.keep = number, implementation, keep
        self.seed = seed if seed is not None else int.from_bytes(os.urandom(3), 'big')
        self.current = None

    @property
    def ours(self):
        return self.implementation == 'ours'

    def pace(self, ours, debian):
        """A time limit: Debian's nodes wait and poll where ours need not."""
        return ours if self.ours else debian

    def repeat_command(self):
        return shlex.join([RUN, 'one', f'{self.number:03}', '--impl', self.implementation,
                           '--seed', str(self.seed)])

    def lab(self, *implementations, **settings):
        """A lab of two nodes of the implementation under test, or of those named."""
        kinds = implementations or (self.implementation,) * 2
        self.current = laboratory.Lab(kinds, seed=self.seed, keep=self.keep,
                                      repeat=self.repeat_command(), **settings)
        return self.current


def check(condition, what):
    """Fails the test with a sentence."""
    if not condition:
        raise AssertionError(what)


def equal(found, wanted, what):
    check(found == wanted, f'{what}: found {found!r}, wanted {wanted!r}')


def note(text):
    """A figure or a fact for the reader of a run."""
    print(f'    {text}', flush=True)
    sys.stdout.flush()
