//! Reads: from a path to values (E.3). Used by the answer to a Read and by notifications alike.

use coap_tcp_core::wire::{OptionNumber, Writer as Frame};
use coap_tcp_core::{Buf, Code};

use crate::content::{self, ContentFormat, Values, WriteError};
use crate::objects::schema::{ObjectDef, ResourceDef};
use crate::objects::{Objects, Refusal};
use crate::path::Path;
use crate::value::Value;

/// The objects between a client and its bootstrap server: 4.01 to every other (DM-6).
const SECRET: &[u16] = &[0, 21, 23];

/// The definition of the object that `path` is in (DM-4, steps 4 and 5). The root is in none.
pub(super) fn object(objects: &dyn Objects, path: Path) -> Result<Option<&'static ObjectDef>, Refusal> {
    let Some(id) = path.object() else {
        return Ok(None);
    };
    if SECRET.contains(&id) {
        return Err(Refusal::Unauthorized);
    }
    let def = objects.schema().iter().find(|def| def.id == id);
    def.map(|def| Some(*def)).ok_or(Refusal::NotFound)
}

/// Whether what is at `path` can be read in `format` (DM-4, steps 7 to 11).
pub(super) fn check(
    objects: &dyn Objects,
    def: &ObjectDef,
    path: Path,
    format: ContentFormat,
) -> Result<(), Refusal> {
    if !content::fits(format, path) {
        return Err(Refusal::NotAcceptable);
    }
    if path.instance().is_some_and(|instance| !has_instance(objects, def.id, instance)) {
        return Err(Refusal::NotFound);
    }
    let Some(resource) = path.resource() else {
        return Ok(());
    };
    let resource = def.resource(resource).ok_or(Refusal::NotFound)?;
    let single = matches!(format, ContentFormat::TEXT | ContentFormat::OPAQUE);
    match path.depth() {
        _ if !resource.operations.readable() => Err(Refusal::NotAllowed),
        4 if !resource.multiple => Err(Refusal::NotAllowed),
        3 if resource.multiple && single => Err(Refusal::NotAcceptable),
        _ => Ok(()),
    }
}

/// The format of the answer to a Read without Accept: what the application chose if that fits, else by version
/// (DM-12).
pub(super) fn default_format(wanted: Option<ContentFormat>, legacy: bool, path: Path) -> ContentFormat {
    let by_version = match legacy {
        true if path.depth() == 4 => ContentFormat::TEXT,
        true => ContentFormat::TLV,
        false => ContentFormat::SENML_CBOR,
    };
    let in_order = [
        wanted.unwrap_or(by_version),
        by_version,
        ContentFormat::SENML_CBOR,
        ContentFormat::TLV,
        ContentFormat::TEXT,
    ];
    in_order.into_iter().find(|format| content::fits(*format, path)).unwrap_or(by_version)
}

/// Writes the rest of a 2.05: options and values. `path` has been checked.
pub(super) fn write<T: Buf + ?Sized>(
    answer: &mut Frame<'_, T>,
    observe: bool,
    format: ContentFormat,
    path: Path,
    def: &ObjectDef,
    objects: &dyn Objects,
) -> Result<(), Refusal> {
    let full = |_| Refusal::TooLarge;
    if observe {
        answer.option(OptionNumber::OBSERVE, &[]).map_err(full)?;
    }
    answer.uint(OptionNumber::CONTENT_FORMAT, format.0.into()).map_err(full)?;
    let filled = answer.payload_with(|buf| {
        let mut writer = content::Writer::new(format, path, buf)?;
        read(objects, def, path, &mut writer)
    });
    filled.map(drop)
}

fn read(objects: &dyn Objects, def: &ObjectDef, path: Path, out: &mut dyn Values) -> Result<(), Refusal> {
    match (path.depth(), path.resource().and_then(|id| def.resource(id))) {
        (1, _) => read_object(objects, def, path, out),
        (2, _) => read_instance(objects, def, path, out),
        (_, Some(resource)) => read_resource(objects, resource, path, out),
        (_, None) => Err(Refusal::NotFound),
    }
}

fn read_object(
    objects: &dyn Objects,
    def: &ObjectDef,
    path: Path,
    out: &mut dyn Values,
) -> Result<(), Refusal> {
    let mut outcome = Ok(());
    objects.instances(def.id, &mut |instance| {
        if outcome.is_ok() {
            let instance = path.child(instance).map_err(|_| Refusal::Internal);
            outcome = instance.and_then(|instance| read_instance(objects, def, instance, out));
        }
    });
    outcome
}

/// All readable resources that are there (DM-10).
fn read_instance(
    objects: &dyn Objects,
    def: &ObjectDef,
    path: Path,
    out: &mut dyn Values,
) -> Result<(), Refusal> {
    let mut empty = true;
    for resource in def.resources.iter().filter(|resource| resource.operations.readable()) {
        let path = path.child(resource.id).map_err(|_| Refusal::Internal)?;
        match read_resource(objects, resource, path, out) {
            Ok(()) => empty = false,
            Err(Refusal::NotFound) => {}
            Err(refusal) => return Err(refusal),
        }
    }
    if empty {
        out.container(path)?;
    }
    Ok(())
}

/// A resource, or one of its instances.
fn read_resource(
    objects: &dyn Objects,
    def: &ResourceDef,
    path: Path,
    out: &mut dyn Values,
) -> Result<(), Refusal> {
    let resource = path.ancestor(3);
    let mut guard = Guard { def, resource, target: path, out, any: false };
    objects.read(resource, &mut guard)?;
    match (guard.any, def.multiple && path == resource) {
        (true, _) => Ok(()),
        // A multiple resource may have no instances (DM-14).
        (false, true) => Ok(out.container(path)?),
        (false, false) => Err(Refusal::NotFound),
    }
}

/// Lets through what the definition says, as the type that it says, and of that only the target.
struct Guard<'a> {
    def: &'a ResourceDef,
    resource: Path,
    target: Path,
    out: &'a mut dyn Values,
    any: bool,
}

impl Values for Guard<'_> {
    fn value(&mut self, path: Path, value: Value<'_>) -> Result<(), WriteError> {
        let depth = if self.def.multiple { 4 } else { 3 };
        if path.depth() != depth || !self.resource.contains(path) {
            return Err(WriteError::Outside);
        }
        let ty = self.def.ty.ok_or(WriteError::Outside)?;
        let value = value.to(ty).map_err(|_| WriteError::Outside)?;
        if self.target.contains(path) {
            self.out.value(path, value)?;
            self.any = true;
        }
        Ok(())
    }
}

fn has_instance(objects: &dyn Objects, object: u16, wanted: u16) -> bool {
    let mut found = false;
    objects.instances(object, &mut |instance| found |= instance == wanted);
    found
}

/// The code that says that there is no room for the answer in any other.
pub(super) const TOO_LARGE: Code = Refusal::TooLarge.code();
