//! Where to ask and with which certificate: a small YAML (or JSON, which YAML contains) file.
//!
//! ```yaml
//! server: controller.example:7444
//! ca: ca.pem            # relative to the file itself
//! certificate: ada.pem
//! key: ada-key.pem
//! ```

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The name of the file below the user's configuration folder.
pub const DEFAULT_FILE: &str = "causeway/context.yaml";

/// The content of a context file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Context {
    /// The admin API, as `host:port`.
    pub server: String,
    /// The name in the server's certificate, where it is not the host of `server`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    /// File of the authority (PEM).
    pub ca: PathBuf,
    /// File of the own certificate (PEM).
    pub certificate: PathBuf,
    /// File of the own private key (PEM).
    pub key: PathBuf,
}

impl Context {
    /// Parses a file's text; relative paths are below the file's own folder.
    ///
    /// # Errors
    /// What is wrong, with the line where the parser knows it.
    pub fn parse(text: &str, file: &Path) -> Result<Self, String> {
        let mut context: Self = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
        let folder = file.parent().unwrap_or(Path::new(""));
        for path in [&mut context.ca, &mut context.certificate, &mut context.key] {
            *path = folder.join(&*path);
        }
        Ok(context)
    }

    /// The file's text.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let path = |path: &Path| quoted(&path.to_string_lossy());
        let mut text = format!("server: {}\n", quoted(&self.server));
        if let Some(name) = &self.server_name {
            text.push_str(&format!("server_name: {}\n", quoted(name)));
        }
        for (field, file) in [
            ("ca", &self.ca),
            ("certificate", &self.certificate),
            ("key", &self.key),
        ] {
            text.push_str(&format!("{field}: {}\n", path(file)));
        }
        text
    }

    /// The host of `server`, or the name that its certificate has instead.
    #[must_use]
    pub fn host(&self) -> &str {
        let host = self
            .server
            .rsplit_once(':')
            .map_or(self.server.as_str(), |(host, _)| host);
        self.server_name
            .as_deref()
            .unwrap_or(host)
            .trim_start_matches('[')
            .trim_end_matches(']')
    }
}

/// Where the file is by default: below `XDG_CONFIG_HOME`, else below `.config` of the home folder.
#[must_use]
pub fn default_file(xdg_config_home: Option<PathBuf>, home: Option<PathBuf>) -> Option<PathBuf> {
    // The specification of base directories ignores relative paths.
    let xdg = xdg_config_home.filter(|folder| folder.is_absolute());
    xdg.or_else(|| home.map(|home| home.join(".config")))
        .map(|folder| folder.join(DEFAULT_FILE))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn context() -> Context {
        Context {
            server: "controller.example:7444".to_owned(),
            server_name: None,
            ca: "ca.pem".into(),
            certificate: "a \"b\".pem".into(),
            key: "/etc/key.pem".into(),
        }
    }

    #[test]
    fn what_is_written_reads_back_with_paths_beside_the_file() {
        let read = Context::parse(&context().to_yaml(), Path::new("pki/ada-context.yaml")).unwrap();
        assert_eq!(read.ca, Path::new("pki/ca.pem"));
        assert_eq!(read.certificate, Path::new("pki/a \"b\".pem"));
        assert_eq!(read.key, Path::new("/etc/key.pem"));
        assert_eq!(read.host(), "controller.example");
    }

    #[test]
    fn json_is_read_too_and_the_host_may_be_an_address() {
        let json = r#"{"server": "[::1]:7444", "ca": "c", "certificate": "d", "key": "e"}"#;
        assert_eq!(Context::parse(json, Path::new("x")).unwrap().host(), "::1");
    }

    #[test]
    fn a_misspelt_field_is_named() {
        let error =
            Context::parse("server: a:1\nca: c\ncert: d\nkey: e\n", Path::new("x")).unwrap_err();
        assert!(error.contains("cert"), "{error}");
    }

    #[test]
    fn the_default_file_follows_the_base_directories() {
        let file = default_file(Some("/x".into()), Some("/h".into())).unwrap();
        assert_eq!(file, Path::new("/x/causeway/context.yaml"));
        let file = default_file(Some("relative".into()), Some("/h".into())).unwrap();
        assert_eq!(file, Path::new("/h/.config/causeway/context.yaml"));
        assert_eq!(default_file(None, None), None);
    }
}
