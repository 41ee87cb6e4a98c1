//! Cutting a printed stream into files, and comparing files.

use std::collections::BTreeMap;

use anyhow::{Result, bail};

/// Cuts `text` into files: a line that begins with `marker` opens the file that it names.
///
/// # Errors
/// When something stands before the first marker, or a name is used twice or leaves the folder.
pub(crate) fn cut(text: &str, marker: &str) -> Result<BTreeMap<String, String>> {
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    let mut open: Option<String> = None;
    for line in text.lines() {
        if let Some(name) = line.strip_prefix(marker) {
            let name = name.trim().to_owned();
            if name.is_empty() || name.contains(['/', '\\']) {
                bail!("`{line}` names no file of the folder");
            }
            if files.insert(name.clone(), String::new()).is_some() {
                bail!("`{name}` is printed twice");
            }
            open = Some(name);
        } else if let Some(file) = open.as_ref().and_then(|name| files.get_mut(name)) {
            file.push_str(line);
            file.push('\n');
        } else if !line.trim().is_empty() && line != "---" {
            bail!("`{line}` stands before the first `{marker}` line");
        }
    }
    if files.is_empty() {
        bail!("nothing was printed: no `{marker}` line");
    }
    // Document separators belong to the stream, not to its files.
    for file in files.values_mut() {
        let inner = file.strip_prefix("---\n").unwrap_or(file).trim_end();
        let inner = inner.strip_suffix("\n---").unwrap_or(inner).trim_end();
        *file = format!("{inner}\n");
    }
    Ok(files)
}

/// What has to happen to each file that isn't as `made`.
pub(crate) fn changes(
    made: &BTreeMap<String, String>,
    found: &BTreeMap<String, String>,
) -> BTreeMap<String, &'static str> {
    let mut changes = BTreeMap::new();
    for (name, text) in made {
        match found.get(name) {
            None => drop(changes.insert(name.clone(), "missing")),
            Some(old) if old != text => drop(changes.insert(name.clone(), "stale")),
            Some(_) => {}
        }
    }
    for name in found.keys().filter(|name| !made.contains_key(*name)) {
        changes.insert(name.clone(), "not generated any more");
    }
    changes
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_stream_is_cut_at_its_markers() {
        let files = cut(
            "---\n# file: a.yaml\nx: 1\n---\n# file: b.yaml\n---\ny: 2\n",
            "# file: ",
        )
        .unwrap();
        assert_eq!(files.get("a.yaml").unwrap(), "x: 1\n");
        assert_eq!(files.get("b.yaml").unwrap(), "y: 2\n");
    }

    #[test]
    fn a_stream_that_makes_no_sense_is_refused() {
        for bad in [
            "",
            "x: 1\n",
            "# file: ../a\n",
            "# file: a\n# file: a\n",
            "# file: \n",
        ] {
            assert!(cut(bad, "# file: ").is_err(), "{bad:?}");
        }
    }

    #[test]
    fn each_kind_of_difference_is_named() {
        let of = |files: &[(&str, &str)]| {
            files
                .iter()
                .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
                .collect()
        };
        let changes = changes(
            &of(&[("a", "1"), ("b", "1"), ("c", "1")]),
            &of(&[("a", "1"), ("b", "2"), ("d", "1")]),
        );
        let listed: Vec<_> = changes
            .iter()
            .map(|(name, change)| (name.as_str(), *change))
            .collect();
        assert_eq!(
            listed,
            [
                ("b", "stale"),
                ("c", "missing"),
                ("d", "not generated any more")
            ]
        );
    }
}
