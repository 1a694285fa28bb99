//! Whether a file can be the server of an image that has no base: a static Linux executable for x86-64.
//!
//! Reads only the ELF header and its program headers (System V ABI, chapters 4 and 5).

/// Why a file cannot run in an image without a base.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BinaryError {
    /// No ELF file, or cut short.
    #[error("is not a Linux executable")]
    NotElf,
    /// For another processor.
    #[error("is not for x86-64")]
    OtherMachine,
    /// Needs a loader and libraries that the image does not hold.
    #[error("is dynamically linked, and the image holds no libraries")]
    Dynamic,
}

/// Checks the bytes of a server executable.
///
/// # Errors
/// See [`BinaryError`].
pub fn check_server(bytes: &[u8]) -> Result<(), BinaryError> {
    match machine(bytes)? {
        "amd64" => check_static(bytes).map(|_machine| ()),
        _ => Err(BinaryError::OtherMachine),
    }
}

/// Checks the bytes of an executable for an image without a base; says its processor as OCI calls it.
///
/// # Errors
/// See [`BinaryError`].
pub fn check_static(bytes: &[u8]) -> Result<&'static str, BinaryError> {
    let machine = machine(bytes)?;
    if has_interpreter(bytes)? {
        return Err(BinaryError::Dynamic);
    }
    Ok(machine)
}

fn machine(bytes: &[u8]) -> Result<&'static str, BinaryError> {
    const X86_64: u64 = 62;
    const AARCH64: u64 = 183;
    if bytes.get(..6) != Some(b"\x7fELF\x02\x01") {
        return Err(BinaryError::NotElf);
    }
    match number(bytes, 18, 2)? {
        X86_64 => Ok("amd64"),
        AARCH64 => Ok("arm64"),
        _ => Err(BinaryError::OtherMachine),
    }
}

fn has_interpreter(bytes: &[u8]) -> Result<bool, BinaryError> {
    const PT_INTERP: u64 = 3;
    let table = number(bytes, 32, 8)?;
    let (size, count) = (number(bytes, 54, 2)?, number(bytes, 56, 2)?);
    for i in 0..count {
        let at = table.checked_add(i * size).ok_or(BinaryError::NotElf)?;
        if number(bytes, at, 4)? == PT_INTERP {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A little-endian number of `len` bytes at `at`.
fn number(bytes: &[u8], at: u64, len: usize) -> Result<u64, BinaryError> {
    let start = usize::try_from(at).map_err(|_| BinaryError::NotElf)?;
    let end = start.checked_add(len).ok_or(BinaryError::NotElf)?;
    let field = bytes.get(start..end).ok_or(BinaryError::NotElf)?;
    Ok(field.iter().rev().fold(0, |n, byte| n << 8 | u64::from(*byte)))
}
