//! Source distributions as archives: one gzip member around one tar with one top folder (PEP 625).

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

use super::limits::Limits;
use super::paths::shown;
use super::tar_read::{TarEntry, TarError, TarKind, TarReader};

/// Largest PKG-INFO, in bytes; it is held in memory whole.
const MAX_PKG_INFO_BYTES: u64 = 8 << 20;

/// What an sdist holds; to be trusted only if nothing is wrong with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SdistListing {
    /// The one folder that everything lies in.
    pub top_folder: Option<String>,
    /// The bytes of its PKG-INFO.
    pub pkg_info: Option<Vec<u8>>,
    /// How many files it has.
    pub file_count: u64,
    /// Their length, in bytes.
    pub unpacked_bytes: u64,
    /// Every rule that is broken, up to the limit, in the order of the archive.
    pub faults: Vec<TarFault>,
}

/// One broken rule of a tar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TarFault {
    /// Which rule, such as `TAR-NAME`.
    pub rule: &'static str,
    /// Reason class: `archive-unsafe`, `archive-damaged` or `too-large`.
    pub class: &'static str,
    /// The member that is meant, made visible; `None` for the archive itself.
    pub entry: Option<String>,
    /// One sentence that names the thing and the fact.
    pub message: String,
}

/// Reads a `.tar.gz` source distribution to its end: one gzip member, one top folder, a PKG-INFO in it.
///
/// Links are taken if they stay inside; names that only some systems take are, too, because nothing is unpacked here.
/// Fails only if the stream cannot be read; behind a fault the reading goes on for as long as all readers agree where.
pub fn read_sdist<R: BufRead>(source: R, limits: &Limits) -> io::Result<SdistListing> {
    let inflating = Inflating { decoder: GzDecoder::new(Counting { source, count: 0 }), given: 0, limits };
    let mut tar = TarReader::new(inflating, limits);
    let mut listing = SdistListing::default();
    loop {
        let error = match tar.next_entry() {
            Ok(None) => break,
            Ok(Some(entry)) => listing.take(&entry, &mut tar).err(),
            Err(error) => Some(error),
        };
        let Some(error) = error else { continue };
        let fault = TarFault::of(error, tar.last_name().map(str::to_owned))?;
        let goes_on = fault.class == "archive-unsafe" && tar.can_go_on();
        listing.faults.push(fault);
        if !goes_on || listing.faults.len() >= limits.max_faults {
            return Ok(listing);
        }
    }
    listing.unpacked_bytes = tar.total_bytes();
    if let Err(error) = tar.into_source().need_end() {
        listing.faults.push(TarFault::of(error, None)?);
    }
    if listing.pkg_info.is_none() && !listing.faults.iter().any(|fault| fault.rule == "SDT-PKG-INFO") {
        let error = TarError::unsafe_member("SDT-PKG-INFO", "the archive has no `PKG-INFO` in its top folder");
        listing.faults.push(TarFault::of(error, None)?);
    }
    Ok(listing)
}

impl TarFault {
    fn of(error: TarError, entry: Option<String>) -> io::Result<Self> {
        match error {
            TarError::Refused { rule, class, message } => Ok(Self { rule, class, entry, message }),
            TarError::Io(error) => Err(error),
        }
    }
}

impl SdistListing {
    /// Judges a member and keeps what is needed of it.
    fn take<R: Read>(&mut self, entry: &TarEntry, tar: &mut TarReader<R>) -> Result<(), TarError> {
        let top = entry.name.split('/').next().unwrap_or(&entry.name);
        if *self.top_folder.get_or_insert_with(|| top.to_owned()) != top {
            let message = format!("`{}` lies outside the top folder", shown(entry.name.as_bytes()));
            return Err(TarError::unsafe_member("SDT-TOP", message));
        }
        match &entry.kind {
            TarKind::Folder => return Ok(()),
            TarKind::SymbolicLink(target) => check_link(&entry.name, target, false)?,
            TarKind::HardLink(target) => check_link(&entry.name, target, true)?,
            TarKind::File => {}
        }
        self.file_count += 1;
        if entry.name.strip_prefix(top) == Some("/PKG-INFO") {
            if !entry.is_file() || self.pkg_info.is_some() {
                return Err(TarError::unsafe_member("SDT-PKG-INFO", "`PKG-INFO` is there twice, or is a link"));
            }
            self.pkg_info = Some(tar.read_member(MAX_PKG_INFO_BYTES)?);
        }
        Ok(())
    }
}

/// A link must stay below the top folder, whatever it is joined with.
fn check_link(name: &str, target: &str, is_from_root: bool) -> Result<(), TarError> {
    let folder = match (is_from_root, name.rsplit_once('/')) {
        (false, Some((folder, _))) => folder,
        _ => "",
    };
    let (mut depth, mut leads_out) = (0_usize, target.starts_with('/'));
    for segment in folder.split('/').chain(target.split('/')).filter(|s| !s.is_empty() && *s != ".") {
        // Depth 1 is the top folder itself.
        leads_out |= segment == ".." && depth <= 1;
        depth = if segment == ".." { depth.saturating_sub(1) } else { depth + 1 };
    }
    if leads_out || depth < 1 {
        let message = format!("`{}` is a link that leads out of the top folder", shown(name.as_bytes()));
        return Err(TarError::unsafe_member("SDT-LINK", message));
    }
    Ok(())
}

/// Counts what is read of the packed stream.
struct Counting<R> {
    source: R,
    count: u64,
}

impl<R: BufRead> Read for Counting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.count += count as u64;
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Counting<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.source.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.count += amount as u64;
        self.source.consume(amount);
    }
}

/// The unpacked stream, stopped when it grows out of proportion.
struct Inflating<'a, R> {
    decoder: GzDecoder<Counting<R>>,
    given: u64,
    limits: &'a Limits,
}

impl<R: BufRead> Inflating<'_, R> {
    /// Nothing may follow: neither packed bytes behind the tar nor another member, which some readers would not see.
    fn need_end(mut self) -> Result<(), TarError> {
        let mut more = [0];
        if self.decoder.read(&mut more)? != 0 || !self.decoder.get_mut().fill_buf()?.is_empty() {
            return Err(TarError::unsafe_member("TAR-TRAILING", "there are bytes behind the compressed archive"));
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Inflating<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.decoder.read(buffer)?;
        self.given += count as u64;
        // The input is read in large pieces, so this is late by at most one of them.
        let packed = self.decoder.get_ref().count;
        if self.given > self.limits.ratio_judged_from_bytes && self.given / self.limits.max_ratio.max(1) > packed {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the archive unpacks to far more than it has"));
        }
        Ok(count)
    }
}

#[cfg(test)]
#[path = "sdist_tests.rs"]
mod tests;
