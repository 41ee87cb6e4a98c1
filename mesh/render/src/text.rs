//! JSON as YAML, for people: what `causeway diff` shows.

use std::fmt::Write;

use serde_json::Value;

/// `value` as block YAML. Every text that could be read as something else is quoted.
#[must_use]
pub fn yaml(value: &Value) -> String {
    let mut out = String::new();
    write_value(&mut out, value, 0);
    out
}

fn write_value(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (at, (key, value)) in map.iter().enumerate() {
                if at > 0 || indent == 0 {
                    pad(out, indent);
                }
                write_entry(out, key, value, indent);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (at, item) in items.iter().enumerate() {
                if at > 0 || indent == 0 {
                    pad(out, indent);
                }
                out.push_str("- ");
                write_value(out, item, indent + 2);
                end_line(out);
            }
        }
        scalar => out.push_str(&scalar_text(scalar)),
    }
}

fn write_entry(out: &mut String, key: &str, value: &Value, indent: usize) {
    out.push_str(&plain(key));
    out.push(':');
    match value {
        Value::Object(map) if !map.is_empty() => {
            out.push('\n');
            pad(out, indent + 2);
            write_value(out, value, indent + 2);
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            pad(out, indent);
            write_items(out, items, indent);
        }
        scalar => {
            out.push(' ');
            out.push_str(&scalar_text(scalar));
        }
    }
    end_line(out);
}

fn write_items(out: &mut String, items: &[Value], indent: usize) {
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            pad(out, indent);
        }
        out.push_str("- ");
        write_value(out, item, indent + 2);
        end_line(out);
    }
}

fn pad(out: &mut String, indent: usize) {
    if out.is_empty() || out.ends_with('\n') {
        let _ = write!(out, "{:indent$}", "");
    }
}

fn end_line(out: &mut String) {
    if !out.ends_with('\n') {
        out.push('\n');
    }
}

fn scalar_text(value: &Value) -> String {
    match value {
        Value::String(text) => plain(text),
        other => other.to_string(),
    }
}

/// A text as it stands where YAML reads it as that text, else in quotes.
fn plain(text: &str) -> String {
    let safe = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '/' | '-' | '_'))
        && text.chars().next().is_some_and(|c| c.is_ascii_alphabetic())
        && !matches!(
            text.to_ascii_lowercase().as_str(),
            "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n"
        );
    if safe {
        text.to_owned()
    } else {
        Value::String(text.to_owned()).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nested_values_read_as_yaml_does() {
        let value =
            json!({"a": {"b": [1, {"c": "x y", "d": []}], "e": ""}, "f": "no", "g": [["h"]]});
        assert_eq!(
            yaml(&value),
            "a:\n  b:\n  - 1\n  - c: \"x y\"\n    d: []\n  e: \"\"\nf: \"no\"\ng:\n- - h\n"
        );
    }
}
