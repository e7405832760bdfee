package dev.zhulong.data.read;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/** The rules of the {@code .gitignore} files from the input directory down to one directory (gitignore(5)): the last match decides. */
final class GitIgnore {
    static final GitIgnore NONE = new GitIgnore(List.of());

    private final List<Rule> rules;

    /** {@code pattern} is matched against the path relative to {@code base}; both with slashes and relative to the input. */
    private record Rule(String base, Pattern pattern, boolean directoriesOnly, boolean ignores) { }

    private GitIgnore(List<Rule> rules) {
        this.rules = rules;
    }

    /** These rules followed by those of {@code directory/.gitignore}, when there is one. {@code relative} ends with a slash or is empty. */
    GitIgnore in(Path directory, String relative) throws IOException {
        Path file = directory.resolve(".gitignore");
        if (!Files.isRegularFile(file)) {
            return this;
        }
        var all = new ArrayList<>(rules);
        for (String line : new String(Files.readAllBytes(file), StandardCharsets.UTF_8).split("\r?\n")) {
            Rule rule = parse(relative, line);
            if (rule != null) {
                all.add(rule);
            }
        }
        return new GitIgnore(List.copyOf(all));
    }

    boolean ignores(String path, boolean directory) {
        for (int i = rules.size() - 1; i >= 0; i--) {
            Rule rule = rules.get(i);
            if ((directory || !rule.directoriesOnly) && path.startsWith(rule.base)
                    && rule.pattern.matcher(path.substring(rule.base.length())).matches()) {
                return rule.ignores;
            }
        }
        return false;
    }

    private static Rule parse(String base, String line) {
        String glob = line.strip();
        if (glob.isEmpty() || glob.startsWith("#")) {
            return null;
        }
        boolean negated = glob.startsWith("!");
        if (negated || glob.startsWith("\\#") || glob.startsWith("\\!")) {
            glob = glob.substring(1);
        }
        boolean directoriesOnly = glob.endsWith("/");
        if (directoriesOnly) {
            glob = glob.substring(0, glob.length() - 1);
        }
        // A slash anywhere but at the end ties the pattern to the .gitignore's own directory.
        boolean anchored = glob.contains("/");
        if (glob.startsWith("/")) {
            glob = glob.substring(1);
        }
        try {
            return new Rule(base, Pattern.compile((anchored ? "" : "(?:.*/)?") + regex(glob)), directoriesOnly, !negated);
        } catch (PatternSyntaxException malformed) {
            return null; // git, too, lets such a line match nothing
        }
    }

    private static String regex(String glob) {
        var out = new StringBuilder();
        for (int i = 0; i < glob.length(); i++) {
            char c = glob.charAt(i);
            if (glob.startsWith("**/", i)) {
                out.append("(?:.*/)?");
                i += 2;
            } else if (glob.startsWith("**", i)) {
                out.append(".*");
                i++;
            } else if (c == '*') {
                out.append("[^/]*");
            } else if (c == '?') {
                out.append("[^/]");
            } else if (c == '[' && glob.indexOf(']', i + 2) > 0) {
                int end = glob.indexOf(']', i + 2);
                String inside = glob.substring(i + 1, end);
                boolean not = inside.startsWith("!") || inside.startsWith("^");
                out.append(not ? "[^" : "[").append((not ? inside.substring(1) : inside).replace("\\", "\\\\").replace("[", "\\[")).append(']');
                i = end;
            } else {
                if (c == '\\' && i + 1 < glob.length()) {
                    c = glob.charAt(++i);
                }
                out.append(Pattern.quote(String.valueOf(c)));
            }
        }
        return out.toString();
    }
}
