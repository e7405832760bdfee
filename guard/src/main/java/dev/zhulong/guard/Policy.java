package dev.zhulong.guard;

import dev.zhulong.guard.RuleSet.Rule;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.kie.api.KieBase;
import org.kie.api.builder.Message;
import org.kie.api.builder.Results;
import org.kie.api.io.ResourceType;
import org.kie.internal.utils.KieHelper;

/**
 * Rules, compiled; never changes, safe for several threads.
 *
 * <pre>{@code
 * Policy policy = Policy.load(List.of(Path.of("rules.yaml"), Path.of("more.drl")));
 * Review review = policy.review("text", new Context(true, "", "request-1"), AuditLog.NONE);
 * }</pre>
 *
 * <p>A YAML file names a set and lists its rules: what they find ({@code words}, {@code word-files}, {@code patterns} with a {@code check}, {@code pii}),
 * where ({@code on: input | output | both}, {@code when}), how often ({@code at-least}), and what is done ({@code action}, {@code with}). A rule without an
 * action leaves that to a DRL file, which sees {@link Match} and {@link Context} as facts and decides by {@code decisions.add(match, action, with)}.
 */
public final class Policy {
    /** Names of the rule sets that come along, each to be used as {@code builtin:NAME}. */
    public static final List<String> BUILT_IN = List.of("privacy", "profanity", "finance", "medicine", "education");
    private static final String PREFIX = "builtin:";
    private static final String DRL_HEAD = "package zhulong.rules\nimport dev.zhulong.guard.Match\nimport dev.zhulong.guard.Context\nglobal dev.zhulong.guard.Decisions decisions\n";

    private final Map<Folding, WordMatcher> words = new EnumMap<>(Folding.class);
    private final List<PatternMatcher> patterns = new ArrayList<>();
    private final KieBase rules;
    private final String version;
    private final int count;
    /** Whether a DRL file's rules may ask about several matches. */
    private final boolean related;

    private Policy(List<RuleSet> sets, List<String> drl, String version) {
        this.version = version;
        List<Rule> all = sets.stream().flatMap(set -> set.rules().stream()).toList();
        count = all.size();
        related = !drl.isEmpty();
        for (Folding folding : Folding.values()) {
            Map<String, List<String>> folded = new LinkedHashMap<>();
            for (Rule rule : all) {
                folded.put(rule.id(), rule.words().stream().map(word -> folding.of(word.strip())).toList());
            }
            if (folded.size() < all.size()) {
                throw new IllegalArgumentException("two rules have the same id among " + all.stream().map(Rule::id).toList());
            }
            words.put(folding, new WordMatcher(folded));
        }
        for (Rule rule : all) {
            rule.patterns().forEach(pattern -> patterns.add(PatternMatcher.of(rule.id(), pattern, rule.check() == null ? null : Checks.ALL.get(rule.check()))));
            rule.pii().forEach(pii -> patterns.add(pii.matcher(rule.id())));
        }
        rules = compiled(all, drl);
    }

    private static KieBase compiled(List<Rule> rules, List<String> drl) {
        var helper = new KieHelper();
        var own = new StringBuilder(DRL_HEAD);
        rules.stream().filter(rule -> rule.action() != null).forEach(rule -> own.append(rule.drl()));
        helper.addContent(own.toString(), ResourceType.DRL);
        drl.forEach(text -> helper.addContent(text, ResourceType.DRL));
        Results results = helper.verify();
        if (results.hasMessages(Message.Level.ERROR)) {
            Message first = results.getMessages(Message.Level.ERROR).getFirst();
            throw new IllegalArgumentException("the rules do not compile: " + first.getText().lines().findFirst().orElse("") + (first.getLine() > 0 ? " (line " + first.getLine() + ")" : ""));
        }
        return helper.build();
    }

    /**
     * Reads and compiles rules.
     *
     * @param sources files, {@code .drl} or else YAML, and {@code builtin:NAME}
     * @throws IllegalArgumentException where one is malformed; says what and where
     */
    public static Policy load(List<String> sources) {
        List<RuleSet> sets = new ArrayList<>();
        List<String> drl = new ArrayList<>();
        MessageDigest digest = sha256();
        for (String source : sources) {
            String text = source.startsWith(PREFIX) ? builtIn(source.substring(PREFIX.length())) : read(Path.of(source));
            digest.update(text.getBytes(StandardCharsets.UTF_8));
            if (source.endsWith(".drl")) {
                drl.add(text);
            } else {
                Path directory = source.startsWith(PREFIX) ? null : Path.of(source).toAbsolutePath().getParent();
                RuleSet set = RuleSet.parse(source, text, directory);
                set.rules().forEach(rule -> digest.update(rule.words().toString().getBytes(StandardCharsets.UTF_8)));
                sets.add(set);
            }
        }
        try {
            return new Policy(sets, drl, HexFormat.of().formatHex(digest.digest(), 0, 8));
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(String.join(", ", sources) + ": " + e.getMessage(), e);
        }
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new UncheckedIOException(file + ": cannot be read: " + e.getMessage(), e);
        }
    }

    private static String builtIn(String name) {
        if (!BUILT_IN.contains(name)) {
            throw new IllegalArgumentException("there is no rule set " + PREFIX + name + "; expected one of " + BUILT_IN);
        }
        try (InputStream in = Policy.class.getResourceAsStream(name + ".yaml")) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Tells these rules from all others: the beginning of their SHA-256. */
    public String version() {
        return version;
    }

    /** Rules of the YAML files. */
    public int size() {
        return count;
    }

    /** Looks at a text that is whole. */
    public Review review(String text, Context context, AuditLog audit) {
        return review(text, context, audit, () -> {});
    }

    /**
     * The same, as long as someone wants it.
     *
     * @param watch called again and again while the text is looked at; an exception that it throws ends the look
     */
    public Review review(String text, Context context, AuditLog audit, Runnable watch) {
        try (GuardedStream stream = stream(context, audit, watch)) {
            String told = stream.push(text) + stream.finish();
            return new Review(told, stream.blockedBy(), stream.decisions());
        }
    }

    /** Looks at a text while it comes. */
    public GuardedStream stream(Context context, AuditLog audit) {
        return stream(context, audit, () -> {});
    }

    /** The same, as long as someone wants it. */
    public GuardedStream stream(Context context, AuditLog audit, Runnable watch) {
        return new GuardedStream(this, context, audit, watch);
    }

    KieBase rules() {
        return rules;
    }

    /** Whether rules may ask about several matches at once, so that all have to be kept. */
    boolean relatesMatches() {
        return related;
    }

    /** What looks through a text folded in one way. */
    List<Finder> finders(Folding folding, FoldedText text) {
        List<Finder> finders = new ArrayList<>();
        finders.add(words.get(folding).finder(text));
        if (folding == Folding.PLAIN) {
            patterns.forEach(pattern -> finders.add(pattern.finder(text)));
        }
        return finders;
    }
}
