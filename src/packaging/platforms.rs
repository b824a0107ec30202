//! Platform tags one by one: which of them installers look for (platform compatibility tags, "Platform Tag").

/// Machines of Linux whose wheels are found by `manylinux` and `musllinux` tags.
const LINUX_MACHINES: [&str; 10] =
    ["aarch64", "armv6l", "armv7l", "i686", "loongarch64", "ppc64", "ppc64le", "riscv64", "s390x", "x86_64"];

/// Machines and groups of machines of macOS.
const MAC_MACHINES: [&str; 12] =
    ["arm64", "fat", "fat3", "fat32", "fat64", "i386", "intel", "ppc", "ppc64", "universal", "universal2", "x86_64"];

/// What a platform tag promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PlatformForm {
    /// One of the specification: every host that fits finds it.
    Known,
    /// `linux_<machine>`: it promises no C library, so it fits the host that built it and ones like it.
    BareLinux,
    /// No installer looks for it, as far as is known here.
    Unknown,
}

/// Judges a platform tag in lower case, such as `manylinux_2_17_x86_64`.
pub fn platform_form(platform: &str) -> PlatformForm {
    if platform.strip_prefix("linux_").is_some_and(|machine| LINUX_MACHINES.contains(&machine)) {
        return PlatformForm::BareLinux;
    }
    match is_known(platform) {
        true => PlatformForm::Known,
        false => PlatformForm::Unknown,
    }
}

fn is_known(platform: &str) -> bool {
    if matches!(platform, "any" | "win32" | "win_amd64" | "win_arm64") {
        return true;
    }
    let Some((family, rest)) = platform.split_once('_') else { return false };
    match family {
        "manylinux1" | "manylinux2010" => matches!(rest, "x86_64" | "i686"),
        "manylinux2014" => LINUX_MACHINES.contains(&rest),
        "manylinux" | "musllinux" => numbers(rest).is_some_and(|(.., machine)| LINUX_MACHINES.contains(&machine)),
        "macosx" => numbers(rest).is_some_and(|(major, minor, machine)| is_macos(major, minor, machine)),
        "android" => rest.split_once('_').is_some_and(|(api, abi)| {
            number(api).is_some() && matches!(abi, "arm64_v8a" | "armeabi_v7a" | "x86" | "x86_64")
        }),
        "ios" => numbers(rest).is_some_and(|(.., machine)| {
            matches!(machine, "arm64_iphoneos" | "arm64_iphonesimulator" | "x86_64_iphonesimulator")
        }),
        "pyemscripten" => numbers(rest).is_some_and(|(year, _, machine)| year >= 2024 && machine == "wasm32"),
        _ => false,
    }
}

/// From 11 on macOS has one number that counts, so the second one is 0; after 15 came 26.
fn is_macos(major: u32, minor: u32, machine: &str) -> bool {
    let exists = match major {
        10 => true,
        11..=15 | 26.. => minor == 0,
        _ => false,
    };
    exists && MAC_MACHINES.contains(&machine)
}

/// `2_17_x86_64` as 2, 17 and `x86_64`.
fn numbers(text: &str) -> Option<(u32, u32, &str)> {
    let (major, rest) = text.split_once('_')?;
    let (minor, rest) = rest.split_once('_')?;
    Some((number(major)?, number(minor)?, rest))
}

fn number(digits: &str) -> Option<u32> {
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    is_plain.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_platforms_of_the_specification() {
        for platform in [
            "any",
            "win32",
            "win_amd64",
            "win_arm64",
            "manylinux1_x86_64",
            "manylinux2010_i686",
            "manylinux2014_ppc64le",
            "manylinux_2_17_x86_64",
            "manylinux_2_39_riscv64",
            "musllinux_1_2_armv7l",
            "macosx_10_9_universal2",
            "macosx_10_16_x86_64",
            "macosx_11_0_arm64",
            "macosx_15_0_x86_64",
            "macosx_26_0_arm64",
            "android_21_arm64_v8a",
            "android_24_x86_64",
            "ios_13_0_arm64_iphoneos",
            "ios_15_4_x86_64_iphonesimulator",
            "pyemscripten_2025_0_wasm32",
        ] {
            assert_eq!(platform_form(platform), PlatformForm::Known, "{platform}");
        }
        for platform in ["linux_x86_64", "linux_armv6l", "linux_riscv64"] {
            assert_eq!(platform_form(platform), PlatformForm::BareLinux, "{platform}");
        }
    }

    #[test]
    fn err_platforms_that_nobody_looks_for() {
        for platform in [
            "",
            "none",
            "win64",
            "win_x86_64",
            "windows_amd64",
            "linux",
            "linux_",
            "linux_amd64",
            "manylinux1_aarch64",
            "manylinux2015_x86_64",
            "manylinux_2_x86_64",
            "manylinux_2_017_x86_64",
            "manylinux_2_17_amd64",
            "manylinux_2_17",
            "musllinux_1_x86_64",
            "macosx_11_1_arm64",
            "macosx_16_0_arm64",
            "macosx_9_0_ppc",
            "macosx_10_9",
            "macosx_11_0_aarch64",
            "android_arm64_v8a",
            "android_21_arm64",
            "ios_13_0_arm64",
            "ios_13_0_x86_64_iphoneos",
            "pyemscripten_2025_0_wasm64",
            "freebsd_14_0_release_amd64",
            "manylinux_99999999999_1_x86_64",
        ] {
            assert_eq!(platform_form(platform), PlatformForm::Unknown, "{platform}");
        }
    }
}
