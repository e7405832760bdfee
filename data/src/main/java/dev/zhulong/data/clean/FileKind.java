package dev.zhulong.data.clean;

import java.util.HashMap;
import java.util.Locale;
import java.util.Map;

/** What the name of a file tells: the profile and the comment syntax. Both are null where the name tells nothing. */
record FileKind(Profile profile, CommentSyntax comments) {

    private static final FileKind UNKNOWN = new FileKind(null, null);
    private static final Map<String, FileKind> BY_EXTENSION = new HashMap<>();
    private static final Map<String, FileKind> BY_NAME = new HashMap<>();

    static {
        code(CommentSyntax.C,
                "java kt kts scala groovy gradle c h cc cpp cxx hh hpp hxx cu cuh cs go rs swift m mm dart js jsx mjs cjs ts tsx"
                + " css scss less proto glsl hlsl metal zig sol v sv d jsh template");
        code(CommentSyntax.PHP, "php");
        code(CommentSyntax.HASH,
                "py pyi rb pl pm sh bash zsh fish ps1 r jl yaml yml toml cmake mk tcl nim ex exs coffee dockerfile conf tf");
        code(CommentSyntax.PROPERTIES, "properties");
        code(CommentSyntax.XML, "xml xsd xsl xslt html htm xhtml svg vue pom jsp");
        code(CommentSyntax.SQL, "sql lua ada adb ads vhd vhdl");
        code(CommentSyntax.HASKELL, "hs elm purs");
        code(CommentSyntax.ML, "ml mli");
        code(CommentSyntax.PASCAL, "pas fs fsx fsi");
        code(CommentSyntax.SEMICOLON, "s asm el lisp clj cljs scm rkt ini");
        code(CommentSyntax.PERCENT, "erl hrl");
        code(CommentSyntax.NONE, "json jsonc ipynb bat cmd");
        put(Profile.PROSE, CommentSyntax.XML, "md markdown");
        put(Profile.PROSE, CommentSyntax.PERCENT, "tex bib");
        put(Profile.PROSE, CommentSyntax.NONE, "rst adoc org");
        for (String name : "makefile dockerfile gemfile rakefile cmakelists.txt".split(" ")) {
            BY_NAME.put(name, new FileKind(Profile.CODE, CommentSyntax.HASH));
        }
    }

    private static void code(CommentSyntax comments, String extensions) {
        put(Profile.CODE, comments, extensions);
    }

    private static void put(Profile profile, CommentSyntax comments, String extensions) {
        for (String extension : extensions.split(" ")) {
            BY_EXTENSION.put(extension, new FileKind(profile, comments));
        }
    }

    /** Looks at the last path element of the id, up to a {@code #fragment} or {@code ?query} (as in {@code src.zip!a/B.java#2}). */
    static FileKind of(String id) {
        int from = Math.max(Math.max(id.lastIndexOf('/'), id.lastIndexOf('\\')), id.lastIndexOf('!')) + 1;
        int to = id.length();
        for (int i = from; i < to; i++) {
            if (id.charAt(i) == '#' || id.charAt(i) == '?') {
                to = i;
            }
        }
        String name = id.substring(from, to).toLowerCase(Locale.ROOT);
        // rows of a JSON document may hold anything
        if (name.endsWith(".json") && to < id.length() && id.charAt(to) == '#') {
            return UNKNOWN;
        }
        FileKind kind = BY_NAME.get(name);
        if (kind == null) {
            kind = BY_EXTENSION.get(name.substring(name.lastIndexOf('.') + 1));
        }
        return kind == null || !name.contains(".") && !BY_NAME.containsKey(name) ? UNKNOWN : kind;
    }
}
