// SPDX-License-Identifier: GPL-2.0

//! Reads the kernel's type information, as Documentation/bpf/btf.rst of the kernel describes it.

use anyhow::{anyhow, bail, Context, Result};

pub const KIND_INT: u32 = 1;
pub const KIND_PTR: u32 = 2;
pub const KIND_ARRAY: u32 = 3;
pub const KIND_STRUCT: u32 = 4;
pub const KIND_UNION: u32 = 5;
pub const KIND_ENUM: u32 = 6;
pub const KIND_FWD: u32 = 7;
pub const KIND_TYPEDEF: u32 = 8;
pub const KIND_VOLATILE: u32 = 9;
pub const KIND_CONST: u32 = 10;
pub const KIND_RESTRICT: u32 = 11;
pub const KIND_FUNC: u32 = 12;
pub const KIND_FUNC_PROTO: u32 = 13;
pub const KIND_VAR: u32 = 14;
pub const KIND_DATASEC: u32 = 15;
pub const KIND_FLOAT: u32 = 16;
pub const KIND_DECL_TAG: u32 = 17;
pub const KIND_TYPE_TAG: u32 = 18;
pub const KIND_ENUM64: u32 = 19;

/// `struct btf_type`: what each type begins with.
const TYPE_LEN: usize = 12;
/// Typedefs and qualifiers that lead to one type; the kernel has fewer.
const MAX_CHAIN: usize = 32;
/// No callback has as many parameters as this.
const MAX_PARAMETERS: usize = 4;

/// The types of the kernel, or those that a module adds to them.
pub struct Btf<'a> {
    base: Option<&'a Btf<'a>>,
    types: Vec<u8>,
    /// Where each type begins in `types`.
    starts: Vec<usize>,
    strings: Vec<u8>,
    /// The number of the first of `starts`.
    first_id: usize,
    /// The offset of the first of `strings`.
    first_string: usize,
}

/// What each type begins with.
struct Type {
    name: u32,
    kind: u32,
    /// How many members or parameters it has.
    len: usize,
    /// Its size, or the number of the type that it is made of.
    other: usize,
    /// Where its members or parameters are in `types`.
    rest: usize,
}

impl<'a> Btf<'a> {
    /// Takes the bytes of a file; `base` has the types of the kernel if they are a module's.
    pub fn parse(bytes: Vec<u8>, base: Option<&'a Btf<'a>>) -> Result<Self> {
        const MAGIC: u16 = 0xeb9f;
        let magic = bytes.first_chunk().map(|two| u16::from_ne_bytes(*two));

        match (magic, bytes.get(2)) {
            (Some(MAGIC), Some(1)) => {}
            (Some(MAGIC), Some(version)) => bail!("version {version} of BTF is not known"),
            _ => bail!("this is not BTF of this machine"),
        }
        let header_len = word(&bytes, 4)?;
        let section = |at| {
            let begin = header_len.saturating_add(word(&bytes, at)?);
            let end = begin.saturating_add(word(&bytes, at + 4)?);
            bytes
                .get(begin..end)
                .map(<[u8]>::to_vec)
                .context("a section is cut off")
        };
        let (types, strings) = (section(8)?, section(16)?);
        // Linux 7.3 says how long the types of each kind are.
        let layout = if header_len >= 32 {
            section(24)?
        } else {
            vec![]
        };
        let mut btf = Self {
            base,
            starts: vec![],
            strings,
            // 0 is void.
            first_id: base.map_or(1, |base| base.first_id + base.starts.len()),
            first_string: base.map_or(0, |base| base.first_string + base.strings.len()),
            types,
        };

        let mut at = 0;
        while at < btf.types.len() {
            let ty = btf.type_at(at)?;
            btf.starts.push(at);
            at = ty.rest.saturating_add(rest_len(&ty, &layout)?);
        }
        if at > btf.types.len() {
            bail!("the last type is cut off");
        }
        Ok(btf)
    }

    fn type_at(&self, at: usize) -> Result<Type> {
        let info = word(&self.types, at + 4)?;

        Ok(Type {
            name: word(&self.types, at)? as u32,
            kind: ((info >> 24) & 0x7f) as u32,
            len: info & 0xff_ffff,
            other: word(&self.types, at + 8)?,
            rest: at + TYPE_LEN,
        })
    }

    /// Returns a type by its number, and what has it.  There is none with number 0, which is void.
    fn find(&self, id: usize) -> Option<(&Btf<'a>, Type)> {
        match (id.checked_sub(self.first_id), self.base) {
            (Some(nr), _) => Some((self, self.type_at(*self.starts.get(nr)?).ok()?)),
            (None, Some(base)) => base.find(id),
            (None, None) => None,
        }
    }

    fn name(&self, offset: u32) -> Option<&str> {
        let Some(at) = (offset as usize).checked_sub(self.first_string) else {
            return self.base?.name(offset);
        };
        let text = self.strings.get(at..)?;
        let end = text.iter().position(|byte| *byte == 0)?;

        std::str::from_utf8(&text[..end]).ok()
    }

    /// Returns the name and the prototype of each function, as [`Self::prototype()`] has it.
    ///
    /// Those that `base` has are left out.
    pub fn functions(&self) -> impl Iterator<Item = (&str, String)> + '_ {
        let types = self.starts.iter().filter_map(|at| self.type_at(*at).ok());

        types
            .filter(|ty| ty.kind == KIND_FUNC)
            .filter_map(|ty| Some((self.name(ty.name)?, self.prototype(ty.other)?)))
    }

    /// Spells the prototype of a function, if a callback might have it.
    fn prototype(&self, id: usize) -> Option<String> {
        let (owner, ty) = self.find(id)?;
        if ty.kind != KIND_FUNC_PROTO || ty.len == 0 || ty.len > MAX_PARAMETERS {
            return None;
        }
        // The first tells most functions from callbacks, and so is looked at first.
        let parameter = |nr| self.spell(word(&owner.types, ty.rest + 8 * nr + 4).ok()?);
        let parameters: Option<Vec<_>> = (0..ty.len).map(parameter).collect();

        Some(format!(
            "{} ({})",
            self.spell(ty.other)?,
            parameters?.join(", ")
        ))
    }

    /// Spells a type without its qualifiers, if a callback might have it.
    fn spell(&self, mut id: usize) -> Option<String> {
        let mut stars = 0;

        for _ in 0..MAX_CHAIN {
            if id == 0 {
                return Some(with_stars("void", stars));
            }
            let (owner, ty) = self.find(id)?;
            match ty.kind {
                KIND_PTR => stars += 1,
                KIND_TYPEDEF | KIND_VOLATILE | KIND_CONST | KIND_RESTRICT | KIND_TYPE_TAG => {}
                KIND_STRUCT | KIND_FWD => {
                    return Some(with_stars(
                        &format!("struct {}", owner.name(ty.name)?),
                        stars,
                    ))
                }
                KIND_INT => {
                    // gcc and clang differ.
                    let name = match owner.name(ty.name)? {
                        "long unsigned int" => "unsigned long",
                        "_Bool" => "bool",
                        name => name,
                    };
                    return Some(with_stars(name, stars));
                }
                _ => return None,
            }
            id = ty.other;
        }
        None
    }
}

fn with_stars(name: &str, stars: usize) -> String {
    let space = if stars == 0 { "" } else { " " };

    format!("{name}{space}{}", "*".repeat(stars))
}

/// Returns how many bytes follow what each type begins with.
fn rest_len(ty: &Type, layout: &[u8]) -> Result<usize> {
    Ok(match ty.kind {
        KIND_INT | KIND_VAR | KIND_DECL_TAG => 4,
        KIND_ARRAY => 12,
        KIND_STRUCT | KIND_UNION | KIND_DATASEC | KIND_ENUM64 => 12 * ty.len,
        KIND_ENUM | KIND_FUNC_PROTO => 8 * ty.len,
        KIND_PTR | KIND_FWD | KIND_TYPEDEF | KIND_VOLATILE | KIND_CONST | KIND_RESTRICT
        | KIND_FUNC | KIND_FLOAT | KIND_TYPE_TAG => 0,
        kind => match layout.get(kind as usize * 4..) {
            Some([own, each, ..]) if kind != 0 => usize::from(*own) + usize::from(*each) * ty.len,
            _ => bail!("kind {kind} of types is not known"),
        },
    })
}

fn word(bytes: &[u8], at: usize) -> Result<usize> {
    let four = bytes.get(at..).and_then(<[u8]>::first_chunk);

    four.map(|four| u32::from_ne_bytes(*four) as usize)
        .ok_or_else(|| anyhow!("the end is missing"))
}
