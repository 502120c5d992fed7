// SPDX-License-Identifier: GPL-2.0

//! The man pages, made from the command line's own help.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use clap::CommandFactory;

use crate::cli::Cli;

/// Writes mnck.8 and a page for each command, such as mnck-run.8.
pub fn man(directory: &Path) -> Result<u8> {
    fs::create_dir_all(directory).with_context(|| directory.display().to_string())?;
    for (name, page) in pages()? {
        let path = directory.join(name);
        fs::write(&path, page).with_context(|| path.display().to_string())?;
    }
    Ok(0)
}

/// Returns the pages with the names of their files.
fn pages() -> Result<Vec<(String, Vec<u8>)>> {
    let mut tool = Cli::command().disable_help_subcommand(true);
    tool.build();
    let commands = tool
        .get_subcommands()
        .filter(|command| !command.is_hide_set());
    let mut pages = vec![];

    for command in std::iter::once(&tool).chain(commands) {
        let name = command.get_display_name().unwrap_or("mnck").to_owned();
        let page = clap_mangen::Man::new(command.clone().name(name.clone())).section("8");
        let mut text = vec![];
        page.render(&mut text)?;
        pages.push((format!("{name}.8"), text));
    }
    Ok(pages)
}

#[cfg(test)]
mod tests {
    #[test]
    fn each_command_has_a_page() {
        let pages = super::pages().unwrap();
        let names: Vec<_> = pages.iter().map(|(name, _)| name.as_str()).collect();

        assert_eq!("mnck.8", names[0]);
        for command in ["list", "ps", "top", "watch", "run", "oom", "doctor"] {
            assert!(
                names.contains(&format!("mnck-{command}.8").as_str()),
                "{names:?}"
            );
        }
    }
}
