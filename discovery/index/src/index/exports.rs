//! ServiceExports (KEP-1645): which services others may be sent to. v1alpha1 and v1beta1 say the same.

use std::collections::BTreeSet;

use causeway_api::ServiceKey;

use super::Index;
use super::parse::key;
use crate::border;

impl Index {
    /// A ServiceExport was added or changed.
    pub fn apply_export(&mut self, export: &border::Export) {
        let Some(key) = key(&export.namespace, &export.name) else {
            return;
        };
        self.set_export(&key, !export.deleting);
    }

    /// A ServiceExport was deleted.
    pub fn delete_export(&mut self, namespace: &str, name: &str) {
        if let Some(key) = key(namespace, name) {
            self.set_export(&key, false);
        }
    }

    /// The end of a fresh list whose objects were applied one by one: what it did not name goes.
    pub fn retain_exports(&mut self, listed: &BTreeSet<(&str, &str)>) {
        let known = self.services.iter().flatten().filter(|s| s.exported);
        let gone: Vec<ServiceKey> = known
            .map(|state| state.key.clone())
            .filter(|key| !listed.contains(&(key.namespace.as_str(), key.name.as_str())))
            .collect();
        for key in gone {
            self.set_export(&key, false);
        }
    }

    fn set_export(&mut self, key: &ServiceKey, exported: bool) {
        if !exported && !self.service_numbers.contains_key(key) {
            return;
        }
        let number = self.service_number(key);
        let Some(state) = self.service_mut(number) else {
            return;
        };
        if state.exported == exported {
            return;
        }
        state.exported = exported;
        self.judge_export(number);
        self.mark(number, true, true);
    }

    /// What is wrong with an export, if anything.
    pub(super) fn judge_export(&mut self, number: u32) {
        let Some(state) = self.service(number) else {
            return;
        };
        let mut found = Vec::new();
        if state.exported {
            match &state.spec {
                None => found.push(
                    "there is no Service of this name: create it, or delete the ServiceExport"
                        .to_owned(),
                ),
                Some(spec) if spec.external_name => found.push(
                    "a Service of type ExternalName cannot be exported (KEP-1645): delete the ServiceExport".to_owned(),
                ),
                Some(_) if super::services::is_excluded(&state.key) => found.push(
                    "services of this namespace are never exported: delete the ServiceExport"
                        .to_owned(),
                ),
                Some(_) => {}
            }
        }
        let object = state.key.to_string();
        self.dirty_member |= self.problems.set("ServiceExport", &object, found);
    }
}
