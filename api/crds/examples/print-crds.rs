//! Prints the CustomResourceDefinitions as a stream of YAML, each behind a line that names its file.
//! `cargo xtask generate` writes them into `charts/causeway-crds/templates`.

use serde_json::Value;

fn main() -> anyhow::Result<()> {
    for crd in causeway_crds::all() {
        let name = crd.metadata.name.clone().unwrap_or_default();
        let mut value = serde_json::to_value(&crd)?;
        whole(&mut value);
        let text = serde_saphyr::to_string(&value)?;
        println!("# file: {name}.yaml");
        println!("# Made by `cargo xtask generate` from the types in api/crds: edit those.");
        println!("{}", text.trim_end());
        println!("---");
    }
    Ok(())
}

/// Bounds are floats in the Kubernetes types; the files show them as the whole numbers that they are.
fn whole(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(whole),
        Value::Object(fields) => fields.values_mut().for_each(whole),
        Value::Number(number) => {
            let float = number
                .as_f64()
                .filter(|float| number.is_f64() && float.fract() == 0.0);
            if let Some(number) = float.and_then(|float| format!("{float}").parse::<i64>().ok()) {
                *value = Value::from(number);
            }
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}
