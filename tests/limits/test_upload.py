"""`ferrywheel upload` against a real server: all or none, only what is missing, and on again after either side was killed."""
import json
import pathlib
import random
import socket
import subprocess
import tarfile
import tempfile
import time
import unittest
import urllib.error
import urllib.request

import support
import wire

MIB = 1 << 20


class Restartable:
    """A server that is killed and started again on the same folder and port."""

    def __init__(self, folder):
        """Choose a port and start."""
        self.data = pathlib.Path(folder) / "data"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.listen = f"127.0.0.1:{probe.getsockname()[1]}"
        self.url = f"http://{self.listen}"
        self.log = pathlib.Path(folder) / "server.log"
        self.start()
        self.token = (self.data / "admin-token").read_text().strip()

    def start(self):
        """Start and wait until it answers."""
        with open(self.log, "ab") as log:
            command = [support.PROGRAM, "serve", "--data", self.data, "--listen", self.listen]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=support.bare_environment())
        wire.wait_until(self.is_up, 60)

    def is_up(self):
        """Whether it answers."""
        try:
            return urllib.request.urlopen(f"{self.url}/-/ready", timeout=5).status == 200
        except OSError:
            return False

    def kill(self):
        """End it at once."""
        self.process.kill()
        self.process.wait(30)

    def arrived_bytes(self):
        """What it holds of files, whole or not."""
        places = [place for place in self.data.iterdir() if place.is_dir() and place.name != "db"]
        total = 0
        for place in places:
            for path in place.rglob("*"):
                try:
                    total += path.stat().st_size if path.is_file() else 0
                except FileNotFoundError:
                    pass
        return total


class Upload(unittest.TestCase):
    """One server for each test."""

    def setUp(self):
        """Start it; the program's state lies in a folder of the test."""
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.server = Restartable(self.folder)
        self.addCleanup(self.server.kill)
        self.dist = self.folder / "dist"
        self.dist.mkdir()

    def environment(self, **more):
        """Of the program, as somebody at home sets it."""
        return support.bare_environment(
            FERRYWHEEL_SERVER=self.server.url, FERRYWHEEL_TOKEN=self.server.token, XDG_STATE_HOME=str(self.folder / "state"), **more
        )

    def upload(self, *arguments, expected=0):
        """Run the program; returns its report and what it says on standard error."""
        done = subprocess.run(
            [str(word) for word in (support.PROGRAM, "upload", "--json", *arguments)],
            capture_output=True, text=True, env=self.environment(), timeout=120,
        )
        self.assertEqual(done.returncode, expected, f"{done.stdout}\n{done.stderr}")
        return json.loads(done.stdout) if done.stdout else None, done.stderr

    def wheel(self, name, size=10, folder=None, **more):
        """A wheel that does not compress."""
        return support.make_wheel(folder or self.dist, name, "1.0", random.Random(name).randbytes(size), **more)

    def shown(self, name):
        """Files of a project that staging shows."""
        request = urllib.request.Request(
            f"{self.server.url}/staging/simple/{name}/", headers={"Accept": "application/vnd.pypi.simple.v1+json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return [file["filename"] for file in json.load(answer)["files"]]
        except urllib.error.HTTPError:
            return []

    def test_files_folders_and_archives_become_visible_together_and_travel_once(self):
        """A second run sends nothing."""
        deeper = self.dist / "deeper"
        deeper.mkdir()
        one, two = self.wheel("one"), self.wheel("two", folder=deeper)
        sdist = support.make_sdist(self.dist, "three", "1.0")
        inside = self.wheel("four", folder=self.folder)
        archive = self.folder / "more.tar.gz"
        with tarfile.open(archive, "w:gz") as out:
            out.add(inside, arcname=f"wheels/{inside.name}")
        report, errors = self.upload("--recursive", self.dist, archive)
        self.assertEqual(errors, "", "no bar and no message where there is no terminal")
        verdicts = {file["filename"]: file["verdict"] for file in report["files"]}
        self.assertEqual(verdicts, {path.name: "stored" for path in (one, two, sdist, inside)})
        self.assertEqual(report["serial"], 1, "all at once")
        self.assertEqual(self.shown("four"), [inside.name])
        again, _ = self.upload("--recursive", self.dist)
        self.assertEqual({file["verdict"] for file in again["files"]}, {"unchanged"})
        self.assertEqual((again["sent_bytes"], again["here_count"]), (0, 3))
        text = support.run([support.PROGRAM, "upload", self.dist], self.environment())
        self.assertEqual(text.strip(), "0 stored in `staging` (serial 1), 2 were there; 0 B sent, 2 needed not travel")

    def test_one_refused_file_stands_against_all_until_it_is_repaired(self):
        """The second run sends only what was repaired."""
        self.wheel("good", 2 * MIB)
        bad = self.wheel("bad", broken=True, metadata="Requires-Dist: not a requirement !\n")
        report, errors = self.upload(self.dist, expected=1)
        told = json.loads(errors.splitlines()[-1])
        self.assertEqual(told["exit_code"], 1)
        self.assertIn("1 of 2 files are refused, so none of them was stored", told["message"])
        refused = [file for file in report["files"] if file["verdict"] == "refused"]
        self.assertEqual([file["filename"] for file in refused], [bad.name])
        self.assertLessEqual({"REC-02", "MET-04"}, {found["rule"] for found in refused[0]["findings"]})
        self.assertEqual(self.shown("good"), [])
        text = support.run([support.PROGRAM, "upload", self.dist], self.environment(), expected=1)
        self.assertEqual(len([line for line in text.splitlines() if line.startswith("refused ")]), 1, text)
        repaired = self.wheel("bad")
        report, _ = self.upload(self.dist)
        self.assertEqual(report["sent_bytes"], repaired.stat().st_size)
        self.assertEqual((self.shown("good"), self.shown("bad")), (["good-1.0-py3-none-any.whl"], [bad.name]))

    def test_one_by_one_stores_what_is_good(self):
        """Exit code 4, and 1 if nothing was."""
        self.wheel("good")
        bad = self.wheel("bad", broken=True)
        report, _ = self.upload("--one-by-one", self.dist, expected=4)
        self.assertEqual({file["verdict"] for file in report["files"]}, {"stored", "refused"})
        self.assertEqual((self.shown("good"), self.shown("bad")), (["good-1.0-py3-none-any.whl"], []))
        self.upload("--one-by-one", bad, expected=1)
        self.upload(bad, expected=1)

    def test_a_dry_run_tells_every_verdict_and_keeps_nothing(self):
        """Files and archives."""
        good, bad = self.wheel("good"), self.wheel("bad", broken=True)
        archive = self.folder / "all.tar"
        with tarfile.open(archive, "w") as out:
            out.add(good, arcname="other-1.0-py3-none-any.whl")
        report, _ = self.upload("--dry-run", self.dist, expected=1)
        self.assertEqual({file["filename"]: file["verdict"] == "refused" for file in report["files"]}, {good.name: False, bad.name: True})
        self.upload("--dry-run", good)
        self.upload("--dry-run", archive, expected=1)
        self.assertEqual(wire.blobs(self.server), [])
        self.assertEqual(wire.pending(self.server), [])
        self.assertEqual(self.shown("good"), [])

    def test_a_server_that_is_killed_half_way_and_comes_back_is_waited_for(self):
        """One run, and what had arrived is not sent again."""
        wheels = [self.wheel(f"large{number}", 60 * MIB) for number in range(2)]
        small = [self.wheel(f"small{number}") for number in range(3)]
        program = self.start_upload()
        wire.wait_until(lambda: self.server.arrived_bytes() > 20 * MIB, 30)
        self.server.kill()
        time.sleep(0.5)
        self.server.start()
        out, errors = program.communicate(timeout=120)
        self.assertEqual(program.returncode, 0, errors)
        report = json.loads(out)
        self.assertEqual({file["verdict"] for file in report["files"]}, {"stored"})
        for path in (*wheels, *small):
            self.assertEqual(self.shown(path.name.split("-")[0]), [path.name])

    def test_a_run_that_is_killed_is_gone_on_with_by_the_next(self):
        """The second run sends what is missing, not what has arrived."""
        wheels = [self.wheel(f"large{number}", 60 * MIB) for number in range(2)]
        program = self.start_upload()
        wire.wait_until(lambda: self.server.arrived_bytes() > 40 * MIB, 30)
        program.kill()
        program.communicate(timeout=30)
        self.server.kill()
        self.server.start()
        self.assertEqual(self.shown("large0"), [], "nothing is shown of half a batch")
        report, _ = self.upload(self.dist)
        self.assertEqual({file["verdict"] for file in report["files"]}, {"stored"})
        total = sum(path.stat().st_size for path in wheels)
        print(f"{report['sent_bytes'] / MIB:.0f} of {total / MIB:.0f} MiB sent again", flush=True)
        self.assertLess(report["sent_bytes"], total - 30 * MIB)
        self.assertEqual((self.shown("large0"), self.shown("large1")), ([wheels[0].name], [wheels[1].name]))
        states = list((self.folder / "state" / "ferrywheel" / "uploads").iterdir())
        self.assertEqual(states, [], "an upload that has ended is forgotten")

    def start_upload(self):
        """Start the program without waiting for it."""
        command = [support.PROGRAM, "upload", "--json", self.dist]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.environment())

    def test_a_server_that_is_away_is_told_as_json_too(self):
        """Exit code 3."""
        wheel = self.wheel("demo")
        self.server.kill()
        _, errors = self.upload(wheel, expected=3)
        told = json.loads(errors.splitlines()[-1])
        self.assertEqual(told["exit_code"], 3)
        self.assertIn("does not answer", told["message"])
        _, errors = self.upload(self.folder / "nowhere", expected=2)
        self.assertEqual(json.loads(errors.splitlines()[-1])["exit_code"], 2)
        self.server.start()
