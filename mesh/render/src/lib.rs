//! From a view to a mesh's objects: values in, values out.

pub mod input;
pub mod object;

pub use input::{LocalService, MemberInputs, OwnerWord, ServiceInputs};
pub use object::{DesiredObject, Kind, LiveObject, ObjectKey};
