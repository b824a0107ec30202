"""Starts at the same time, killed starts, locks that are held, broken or impossible."""

import fcntl
import os
import signal
import stat
import subprocess
import sys
import time

import injections
import oracle
from support import BundleCase, probe_wheel


class SameTime(BundleCase):
    def start_many(self, bundle, count, **variables):
        processes = [
            subprocess.Popen(
                [sys.executable, bundle], env=self.environ(**variables), stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
            for _ in range(count)
        ]
        for process in processes:
            out, err = process.communicate(timeout=120)
            self.assertEqual((process.returncode, err), (0, b""), out)

    def test_eight_first_starts_make_one_environment(self):
        files = {"lib%d.py" % number: "x = 1\n" * 50 for number in range(200)}
        self.start_many(self.bundle(probe_wheel(files=files)), 8)
        self.assertEqual(len(self.environments()), 1)
        self.assertEqual([name for name in os.listdir(self.root) if name.startswith((".tmp", ".old"))], [])

    def test_eight_first_starts_without_locks_all_run(self):
        files = {"lib%d.py" % number: "x = 1\n" * 50 for number in range(200)}
        self.start_many(self.bundle(probe_wheel(files=files)), 8, inject=injections.NO_LOCKS)
        self.assertEqual(len(self.environments()), 1)

    def test_the_slower_of_two_starts_uses_what_the_faster_made(self):
        bundle = self.bundle()
        flag = os.path.join(self.folder, "flag")
        environ = self.environ(injections.NO_LOCKS + injections.SLOW_RENAME % flag)
        slow = subprocess.Popen([sys.executable, bundle], env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while not (os.path.isdir(self.root) and any(name.startswith(".tmp") for name in os.listdir(self.root))):
            time.sleep(0.01)
        self.seen(bundle, inject=injections.NO_LOCKS)
        inode = os.stat(self.environment()).st_ino
        self.write("flag", "")
        self.assertEqual((slow.communicate(timeout=60)[1], slow.returncode), (b"", 0))
        self.assertEqual(os.stat(self.environment()).st_ino, inode)


class Killed(BundleCase):
    def test_a_start_killed_at_any_file_leaves_the_next_one_unharmed(self):
        bundle = self.bundle()
        for count in range(0, 16, 3):
            with self.subTest(count):
                done = self.start(bundle, inject=injections.KILL_AFTER % count)
                self.assertEqual(done.returncode, -signal.SIGKILL)
                self.assertEqual(self.environments(), [])
        self.seen(bundle)
        self.assertEqual([name for name in os.listdir(self.root) if name.startswith(".tmp")], [])

    def test_an_interrupted_start_ends_quietly_and_clears_up(self):
        inject = "import os\ndef stop(*_):\n    raise KeyboardInterrupt\nos.fsync = stop\n"
        done = self.start(self.bundle(), inject=inject)
        self.assertEqual((done.returncode, done.stderr), (130, ""))
        self.assertEqual([name for name in os.listdir(self.root) if name.startswith(".tmp")], [])

    def test_folders_that_a_live_process_fills_are_not_swept(self):
        bundle = self.bundle()
        self.seen(bundle)
        name = self.environments()[0]
        alive, dead = (os.path.join(self.root, ".tmp-%s-%s" % (name, end)) for end in ("alive", "dead"))
        os.mkdir(alive)
        os.mkdir(dead)
        descriptor = os.open(alive, os.O_RDONLY)
        self.addCleanup(os.close, descriptor)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        self.seen(bundle, FERRYWHEEL_FORCE_EXTRACT="1")
        self.assertTrue(os.path.isdir(alive))
        self.assertFalse(os.path.exists(dead))


class Locks(BundleCase):
    def hold(self, bundle):
        """Take the lock as another start would, and return the descriptor."""
        self.seen(bundle)
        (lock,) = [name for name in os.listdir(self.root) if name.endswith(".lock")]
        descriptor = os.open(os.path.join(self.root, lock), os.O_RDWR)
        self.addCleanup(os.close, descriptor)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.pwrite(descriptor, b"4242\n", 0)
        os.ftruncate(descriptor, 5)
        return descriptor

    def test_a_lock_that_stays_held_ends_in_a_message(self):
        bundle = self.bundle()
        self.hold(bundle)
        text = self.refused(bundle, 69, FERRYWHEEL_FORCE_EXTRACT="1", FERRYWHEEL_LOCK_TIMEOUT="0.2")
        self.assertIn("process 4242 has been unpacking", text)
        self.assertIn("FERRYWHEEL_LOCK_TIMEOUT", text)

    def test_a_complete_environment_needs_no_lock(self):
        bundle = self.bundle()
        self.hold(bundle)
        self.seen(bundle)

    def test_a_long_wait_is_announced(self):
        bundle = self.bundle()
        descriptor = self.hold(bundle)
        process = subprocess.Popen(
            [sys.executable, bundle],
            env=self.environ(FERRYWHEEL_FORCE_EXTRACT="1"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.assertIn(b"waiting for process 4242", process.stderr.readline())
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        process.communicate(timeout=60)  # also closes the pipes
        self.assertEqual(process.returncode, 0)

    def test_a_file_system_without_locks_is_no_obstacle(self):
        bundle = self.bundle()
        self.seen(bundle, inject=injections.NO_LOCKS)
        self.seen(bundle, inject=injections.NO_LOCKS, FERRYWHEEL_FORCE_EXTRACT="1")
        self.assertEqual(len(self.environments()), 1)

    def test_a_python_without_fcntl_is_no_obstacle(self):
        bundle = self.bundle()
        inject = "import sys\nsys.modules['fcntl'] = None\n"
        self.seen(bundle, inject=inject)
        self.seen(bundle, inject=inject, FERRYWHEEL_FORCE_EXTRACT="1")

    def test_an_environment_that_is_being_cleared_away_is_made_again(self):
        bundle = self.bundle()
        self.seen(bundle)
        descriptor = os.open(self.environment(), os.O_RDONLY)
        self.addCleanup(os.close, descriptor)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        self.seen(bundle)
        self.assertNotEqual(os.stat(self.environment()).st_ino, os.fstat(descriptor).st_ino)

    def test_a_lock_that_is_a_link_is_refused(self):
        bundle = self.bundle()
        self.seen(bundle)
        (lock,) = [name for name in os.listdir(self.root) if name.endswith(".lock")]
        victim = self.write("victim", "precious")
        os.unlink(os.path.join(self.root, lock))
        os.symlink(victim, os.path.join(self.root, lock))
        text = self.refused(bundle, 68, FERRYWHEEL_FORCE_EXTRACT="1")
        self.assertIn("is a symbolic link; remove it", text)
        with open(victim) as file:
            self.assertEqual(file.read(), "precious")

    def test_the_lock_file_is_private(self):
        self.seen(self.bundle())
        (lock,) = [name for name in os.listdir(self.root) if name.endswith(".lock")]
        self.assertEqual(stat.S_IMODE(os.stat(os.path.join(self.root, lock)).st_mode), 0o600)


class Names(BundleCase):
    def test_a_renamed_archive_uses_the_same_environment(self):
        bundle = self.bundle()
        self.seen(bundle)
        inode = os.stat(self.environment()).st_ino
        renamed = os.path.join(self.folder, "other name.pyz")
        os.rename(bundle, renamed)
        self.assertEqual(self.seen(renamed)["environ"]["FERRYWHEEL_ARCHIVE"], renamed)
        self.assertEqual(os.stat(self.environment()).st_ino, inode)

    def test_another_content_gets_another_environment(self):
        self.seen(self.bundle())
        self.seen(self.bundle(probe_wheel(version="2.0")))
        self.assertEqual(len(self.environments()), 2)

    def test_a_replaced_archive_is_noticed_while_it_is_read(self):
        bundle = self.bundle()
        other = self.write("other.pyz", oracle.bundle_bytes([probe_wheel(version="2.0")]))
        text = self.refused(bundle, 66, inject=injections.REPLACED % (other, bundle))
        self.assertIn("it was replaced while it was being read", text)
