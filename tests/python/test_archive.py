"""The bundle's own zip reader: any bytes give content or a refusal, never anything else."""

import importlib
import io
import os
import random
import struct
import zipfile

import oracle
from support import BundleCase, load_bootstrap, probe_wheel

bootstrap = load_bootstrap()
archive = importlib.import_module("_bootstrap.archive")


class Reading(BundleCase):
    def open(self, data, **rest):
        path = self.write("x.zip", data)
        opened = archive.open_zip(path, "x.zip")
        self.addCleanup(os.close, opened.descriptor)
        return opened

    def refuses(self, data, text=""):
        with self.assertRaises(bootstrap.BootstrapError) as caught:
            opened = self.open(data)
            for name in opened.entries:
                opened.read(name)
        self.assertEqual(caught.exception.exit_code, 66)
        self.assertIn(text, str(caught.exception))

    def test_bundles_are_read_whatever_is_put_before_them(self):
        wheel = probe_wheel()
        for prefix in b"", b"#!/usr/bin/env python3\n", b"#!/bin/sh\n" + b"x" * 100000:
            opened = self.open(oracle.bundle_bytes([wheel], prefix=prefix))
            inner = opened.inner("wheels/" + wheel.filename)
            self.assertEqual({name: inner.read(name) for name in inner.entries}, wheel.unpacked)
            self.assertEqual(opened.prefix, 0)
            shifted = self.open(b"put before later" + oracle.bundle_bytes([wheel], prefix=prefix))
            self.assertEqual(shifted.sha256("wheels/" + wheel.filename), oracle.sha256(wheel.data))

    def test_a_started_bundle_may_have_bytes_put_before_it(self):
        for prefix in b"", b"#!/usr/bin/env -S python3 -B\n", b"#" * 70000 + b"\n":
            data = oracle.bundle_bytes([probe_wheel()], prefix=prefix)
            self.seen(self.write("hello.pyz", data))
            self.seen(self.write("hello.pyz", b"later\n" + data), FERRYWHEEL_FORCE_EXTRACT="1")

    def test_pythons_own_zipfile_agrees(self):
        data = oracle.bundle_bytes([probe_wheel()])
        with zipfile.ZipFile(io.BytesIO(data)) as known:
            self.assertIsNone(known.testzip())
            opened = self.open(data)
            self.assertEqual(list(opened.entries), known.namelist())
            for name in known.namelist():
                self.assertEqual(opened.read(name), known.read(name))

    def test_what_is_no_zip_is_refused(self):
        self.refuses(b"", "no zip directory")
        self.refuses(b"PK\x05\x06", "no zip directory")
        self.refuses(b"x" * 100000, "no zip directory")
        with self.assertRaises(bootstrap.BootstrapError):
            archive.open_zip(self.folder + "/absent", "absent")

    def test_a_missing_entry_is_refused(self):
        opened = self.open(oracle.zip_bytes([("a", b"a")]))
        for call in opened.read, opened.inner, opened.sha256:
            with self.assertRaises(bootstrap.BootstrapError):
                call("b")

    def test_contradictions_are_refused(self):
        good = oracle.zip_bytes([("name", b"content")])
        central = good.index(b"PK\x01\x02")
        end = good.index(b"PK\x05\x06")

        def changed(at, data):
            return good[:at] + data + good[at + len(data) :]

        self.refuses(oracle.zip_bytes([("a", b"1"), ("a", b"2")]), "there twice")
        self.refuses(changed(30, b"eman"), "another name")
        self.refuses(changed(8, b"\x08"), "contradicts the directory")
        self.refuses(changed(0, b"XX"), "contradicts the directory")
        self.refuses(changed(34, b"C"), "other bytes")
        self.refuses(changed(central, b"XX"), "cut off")
        self.refuses(changed(central + 8, b"\x01"), "encrypted")
        self.refuses(changed(central + 10, b"\x63"), "encrypted")
        self.refuses(changed(central + 24, b"\x63"), "contradicts itself")
        self.refuses(changed(central + 42, b"\xff\xff\xff\x7f"), "outside the file")
        self.refuses(changed(central + 28, b"\xff"), "cut off")
        self.refuses(changed(end + 4, b"\x01"), "contradicts itself")
        self.refuses(changed(end + 8, b"\x02\x00\x02"), "cut off")
        self.refuses(changed(end + 8, b"\x00\x00\x00"), "contradicts itself")
        self.refuses(
            changed(central + 9, b"\x08")[: central + 46] + b"\xff\xfe\xfd\xfc" + good[central + 50 :], "not UTF-8"
        )

    def test_a_deflated_entry_is_never_longer_than_it_says(self):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("bomb", b"\0" * (64 << 20))
        data = bytearray(out.getvalue())
        at = data.index(b"PK\x01\x02")
        data[at + 24 : at + 28] = struct.pack("<L", 10)
        self.refuses(bytes(data), "longer than it says")
        with self.assertRaises(bootstrap.BootstrapError):
            self.open(out.getvalue()).inner("bomb")
        data = bytearray(out.getvalue())
        data[40:50] = b"\xff" * 10
        self.refuses(bytes(data))

    def test_random_damage_gives_a_refusal_or_the_content(self):
        source = random.Random(20260801)
        good = oracle.bundle_bytes([probe_wheel()])
        for _ in range(300):
            data = bytearray(good)
            for _ in range(source.randrange(1, 4)):
                at = source.choice([source.randrange(len(data)), source.randrange(len(data) - 1500, len(data))])
                data[at] = source.randrange(256)
            data = bytes(data[: source.choice([len(data), source.randrange(len(data))])])
            try:
                opened = self.open(data)
                for name in list(opened.entries):
                    opened.read(name)
            except bootstrap.BootstrapError as error:
                self.assertEqual(error.exit_code, 66)

    def test_a_file_that_shrinks_while_it_is_read_is_refused(self):
        opened = self.open(oracle.zip_bytes([("a", b"x" * 5000)]))
        os.truncate(os.path.join(self.folder, "x.zip"), 100)
        with self.assertRaises(bootstrap.BootstrapError):
            opened.read("a")
