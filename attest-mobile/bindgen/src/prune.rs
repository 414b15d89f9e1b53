//! Takes out of Kotlin bindings what they declare and never call: the virtual machine looks for every declared function when the
//! bindings are loaded, so that the library would have to export all of them.

/// `source` without declarations of native functions that nothing else in it names.
pub(crate) fn pruned(source: &str) -> String {
    let mut kept = String::with_capacity(source.len());
    let mut is_dropping = false;
    for line in source.split_inclusive('\n') {
        if let Some(name) = declared(line) {
            is_dropping = !occurs_elsewhere(source, name);
        }
        if !is_dropping {
            kept.push_str(line);
        } else if line.trim_start().starts_with(')') {
            is_dropping = false;
        }
    }
    kept
}

/// The function that this line begins to declare.
fn declared(line: &str) -> Option<&str> {
    let (name, _) = line.trim_start().strip_prefix("external fun ")?.split_once('(')?;
    Some(name)
}

fn occurs_elsewhere(source: &str, name: &str) -> bool {
    let is_word = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let whole = source
        .match_indices(name)
        .filter(|(at, _)| !is_word(source.as_bytes().get(at + name.len())));
    whole.count() > 1
}

#[cfg(test)]
mod tests {
    use super::pruned;

    #[test]
    fn what_is_called_stays_and_the_rest_goes() {
        let source = "object Lib {\n    external fun poll_u8(`handle`: Long,\n    ): Unit\n    external fun poll_u64(`handle`: Long,\n    ): Unit\n    external fun alloc(`size`: Long,\n    ): Buffer\n}\nLib.poll_u64(1)\nLib.alloc(2)\n";
        let expect = "object Lib {\n    external fun poll_u64(`handle`: Long,\n    ): Unit\n    external fun alloc(`size`: Long,\n    ): Buffer\n}\nLib.poll_u64(1)\nLib.alloc(2)\n";
        assert_eq!(pruned(source), expect);
        assert_eq!(pruned(expect), expect);
    }
}
