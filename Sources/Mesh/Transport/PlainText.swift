/// Text that somebody else wrote, made fit to be shown: bounded, and without anything that could move a cursor, hide
/// what follows or pretend to be another line.
package enum PlainText {
    /// At most `scalarsMax` printable scalars of `bytes`; what is no UTF-8 shows as U+FFFD.
    package static func of(_ bytes: some Collection<UInt8>, scalarsMax: Int) -> String {
        // A scalar has at most four bytes: what lies behind that many cannot be among the first ones.
        of(String(decoding: bytes.prefix(4 * scalarsMax + 4), as: UTF8.self), scalarsMax: scalarsMax)
    }

    /// At most `scalarsMax` printable scalars of `text`; with a `filler`, one word, in which it stands for all others.
    package static func of(_ text: String, scalarsMax: Int, filler: Unicode.Scalar? = nil) -> String {
        var result = String.UnicodeScalarView()
        var count = 0
        for scalar in text.unicodeScalars {
            guard count < scalarsMax else { break }
            if isPlain(scalar), filler == nil || scalar != " " {
                result.append(scalar)
            } else if let filler {
                result.append(filler)
            } else {
                continue
            }
            count += 1
        }
        return String(result)
    }

    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        // Format characters turn the direction of text around; marks pile up on the letter before them.
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator,
            .enclosingMark:
            false
        default: true
        }
    }
}
