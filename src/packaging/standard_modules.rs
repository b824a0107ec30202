//! The modules of Python's standard library, as project names: whoever installs one of these means something else (UPL-22).

use super::ProjectName;

/// Public modules of Python 3.9 to 3.14, normalized and sorted (`sys.stdlib_module_names`).
const MODULES: &str = "\
    abc aifc annotationlib antigravity argparse array ast asynchat asyncio asyncore atexit audioop base64 bdb \
    binascii binhex bisect builtins bz2 calendar cgi cgitb chunk cmath cmd code codecs codeop collections colorsys \
    compileall compression concurrent configparser contextlib contextvars copy copyreg cprofile crypt csv ctypes \
    curses dataclasses datetime dbm decimal difflib dis distutils doctest email encodings ensurepip enum errno \
    faulthandler fcntl filecmp fileinput fnmatch formatter fractions ftplib functools gc genericpath getopt getpass \
    gettext glob graphlib grp gzip hashlib heapq hmac html http idlelib imaplib imghdr imp importlib inspect io \
    ipaddress itertools json keyword lib2to3 linecache locale logging lzma mailbox mailcap marshal math mimetypes \
    mmap modulefinder msilib msvcrt multiprocessing netrc nis nntplib nt ntpath nturl2path numbers opcode operator \
    optparse os ossaudiodev parser pathlib pdb pickle pickletools pipes pkgutil platform plistlib poplib posix \
    posixpath pprint profile pstats pty pwd py-compile pyclbr pydoc pydoc-data pyexpat queue quopri random re \
    readline reprlib resource rlcompleter runpy sched secrets select selectors shelve shlex shutil signal site smtpd \
    smtplib sndhdr socket socketserver spwd sqlite3 sre-compile sre-constants sre-parse ssl stat statistics string \
    stringprep struct subprocess sunau symbol symtable sys sysconfig syslog tabnanny tarfile telnetlib tempfile \
    termios textwrap this threading time timeit tkinter token tokenize tomllib trace traceback tracemalloc tty \
    turtle turtledemo types typing unicodedata unittest urllib uu uuid venv warnings wave weakref webbrowser winreg \
    winsound wsgiref xdrlib xml xmlrpc zipapp zipfile zipimport zlib zoneinfo";

/// Whether a project has the name of a module that comes with Python.
pub fn is_standard_module(project: &ProjectName) -> bool {
    MODULES.split(' ').any(|module| module == project.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_and_err_modules() {
        for (name, is_one) in [
            ("json", true),
            ("Py_Compile", true),
            ("zoneinfo", true),
            ("abc", true),
            ("jsonx", false),
            ("flask", false),
        ] {
            assert_eq!(is_standard_module(&name.parse().unwrap()), is_one, "{name}");
        }
    }
}
