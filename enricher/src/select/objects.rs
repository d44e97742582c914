//! Which sightings describe one object.

/// Gives numbers to objects.
#[derive(Default)]
pub(super) struct Objects<'a> {
    last: u32,
    groups: Vec<Group<'a>>,
}

/// The object that the fields of one name in the catalogue describe.
struct Group<'a> {
    name: &'static str,
    number: u32,
    /// The paths that were seen of it. One that comes again belongs to the next object: of a list of objects, whose
    /// paths are all alike, the fields of each stand together.
    paths: Vec<&'a str>,
}

impl<'a> Objects<'a> {
    /// A number that no object has.
    pub(super) fn next(&mut self) -> u32 {
        self.last = self.last.saturating_add(1);
        self.last
    }

    /// The number of the object that a field describes; `name` is that of the catalogue, empty for an object of its
    /// own.
    pub(super) fn of_field(&mut self, name: &'static str, path: &'a str) -> u32 {
        if name.is_empty() {
            return self.next();
        }
        let position = self.groups.iter().position(|group| group.name == name);
        if let Some(group) = position.and_then(|index| self.groups.get_mut(index))
            && !group.paths.contains(&path)
        {
            group.paths.push(path);
            return group.number;
        }
        let number = self.next();
        let group = Group { name, number, paths: vec![path] };
        match position.and_then(|index| self.groups.get_mut(index)) {
            Some(old) => *old = group,
            None => self.groups.push(group),
        }
        number
    }
}

#[cfg(test)]
mod tests {
    use super::Objects;

    #[test]
    fn fields_of_a_list_are_told_apart() {
        let mut objects = Objects::default();
        assert_eq!(objects.of_field("file", "data.files.name"), 1);
        assert_eq!(objects.of_field("", "data.srcip"), 2);
        assert_eq!(objects.of_field("file", "data.files.md5"), 1);
        assert_eq!(objects.of_field("file", "data.files.name"), 3);
        assert_eq!(objects.of_field("file", "data.files.md5"), 3);
        assert_eq!(objects.of_field("process", "data.image"), 4);
    }
}
