package dev.zhulong.data.clean;

import java.util.List;

/** How a language writes comments: an optional block form and any number of to-end-of-line markers. */
record CommentSyntax(String open, String close, List<String> lineMarkers) {

    static final CommentSyntax NONE = new CommentSyntax(null, null, List.of());
    static final CommentSyntax C = new CommentSyntax("/*", "*/", List.of("//"));
    static final CommentSyntax PHP = new CommentSyntax("/*", "*/", List.of("//", "#"));
    static final CommentSyntax HASH = new CommentSyntax(null, null, List.of("#"));
    static final CommentSyntax PROPERTIES = new CommentSyntax(null, null, List.of("#", "!"));
    static final CommentSyntax XML = new CommentSyntax("<!--", "-->", List.of());
    static final CommentSyntax SQL = new CommentSyntax("/*", "*/", List.of("--"));
    static final CommentSyntax HASKELL = new CommentSyntax("{-", "-}", List.of("--"));
    static final CommentSyntax ML = new CommentSyntax("(*", "*)", List.of());
    static final CommentSyntax PASCAL = new CommentSyntax("(*", "*)", List.of("//"));
    static final CommentSyntax SEMICOLON = new CommentSyntax(null, null, List.of(";", "#", "//"));
    static final CommentSyntax PERCENT = new CommentSyntax(null, null, List.of("%"));

    /** The syntax a text of unknown origin opens with; {@code #} and {@code --} only where the text looks like code. */
    static CommentSyntax sniff(String text) {
        int at = 0;
        while (at < text.length() && (text.charAt(at) <= ' ' || text.charAt(at) == '\uFEFF')) {
            at++;
        }
        if (text.startsWith("/*", at) || text.startsWith("//", at)) {
            return C;
        }
        if (text.startsWith("<!", at) || text.startsWith("<?", at)) {
            return XML;
        }
        boolean marked = text.startsWith("#", at) || text.startsWith("--", at);
        if (marked && CodeDetector.looksLikeCode(text)) {
            return text.startsWith("#", at) ? HASH : SQL;
        }
        return NONE;
    }
}
