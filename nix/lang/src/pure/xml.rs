//! XML in the layout of `toXML`.

/// Writes elements, each on its own line, indented by two blanks a level.
#[derive(Debug)]
pub struct XmlWriter {
    out: Vec<u8>,
    open: Vec<&'static str>,
}

impl Default for XmlWriter {
    fn default() -> Self {
        Self::new()
    }
}

impl XmlWriter {
    /// A document with only its first line.
    pub fn new() -> Self {
        Self {
            out: b"<?xml version='1.0' encoding='utf-8'?>\n".to_vec(),
            open: Vec::new(),
        }
    }

    /// How many bytes are written so far.
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Opens an element. Attributes are written in the order given; Nix sorts them by name.
    pub fn open(&mut self, name: &'static str, attributes: &[(&str, &[u8])]) {
        self.tag(name, attributes, b">\n");
        self.open.push(name);
    }

    /// Closes the element opened last.
    pub fn close(&mut self) {
        if let Some(name) = self.open.pop() {
            self.indent();
            self.out
                .extend_from_slice(format!("</{name}>\n").as_bytes());
        }
    }

    /// An element without content.
    pub fn empty(&mut self, name: &str, attributes: &[(&str, &[u8])]) {
        self.tag(name, attributes, b" />\n");
    }

    /// The document; elements still open are closed.
    pub fn finish(mut self) -> Vec<u8> {
        while !self.open.is_empty() {
            self.close();
        }
        self.out
    }

    fn tag(&mut self, name: &str, attributes: &[(&str, &[u8])], end: &[u8]) {
        self.indent();
        self.out.push(b'<');
        self.out.extend_from_slice(name.as_bytes());
        for (key, value) in attributes {
            self.out.push(b' ');
            self.out.extend_from_slice(key.as_bytes());
            self.out.extend_from_slice(b"=\"");
            escape(value, &mut self.out);
            self.out.push(b'"');
        }
        self.out.extend_from_slice(end);
    }

    fn indent(&mut self) {
        self.out.resize(self.out.len() + 2 * self.open.len(), b' ');
    }
}

fn escape(value: &[u8], out: &mut Vec<u8>) {
    for byte in value {
        match byte {
            b'"' => out.extend_from_slice(b"&quot;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            b'&' => out.extend_from_slice(b"&amp;"),
            // A parser would turn a line end in an attribute into a blank.
            b'\n' => out.extend_from_slice(b"&#xA;"),
            _ => out.push(*byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lays_out_as_nix_does() {
        let mut xml = XmlWriter::new();
        xml.open("expr", &[]);
        xml.open("attrs", &[]);
        xml.open("attr", &[("column", b"2"), ("name", b"a")]);
        xml.empty("string", &[("value", b"a\n<>&\"'\t")]);
        let expected = "<?xml version='1.0' encoding='utf-8'?>\n<expr>\n  <attrs>\n    \
            <attr column=\"2\" name=\"a\">\n      <string value=\"a&#xA;&lt;&gt;&amp;&quot;'\t\" />\n    \
            </attr>\n  </attrs>\n</expr>\n";
        assert_eq!(String::from_utf8(xml.finish()).unwrap(), expected);
    }
}
