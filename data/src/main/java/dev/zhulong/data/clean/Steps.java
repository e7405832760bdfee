package dev.zhulong.data.clean;

import dev.zhulong.data.document.CleaningStep;
import dev.zhulong.data.document.Document;
import dev.zhulong.formats.Extension;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeSet;
import java.util.function.Function;

/**
 * The standard chains and the names of the rules in recipes. A jar on the class path may add rules ({@link CleaningStepProvider}); the standard
 * chains have none of these.
 *
 * <p>{@snippet :
 * for (CleaningStep step : Steps.standard()) {
 *     switch (step.apply(document)) {
 *         case CleaningStep.Decision.Keep keep -> document = keep.document();
 *         case CleaningStep.Decision.Drop drop -> { return; }
 *     }
 * }}
 */
public final class Steps {

    /** Names of whole chains, and of what is done to a corpus besides its rules. */
    private static final Set<String> OTHER_NAMES = Set.of("standard", "code", "prose", "none", "decontaminate", "exact-duplicates", "near-duplicates");

    private static final Map<String, Function<Set<String>, CleaningStep>> BY_NAME = new LinkedHashMap<>();

    static {
        BY_NAME.put("unicode", plain("unicode", new NormalizeUnicode()));
        BY_NAME.put("licence-headers", plain("licence-headers", new RemoveLicenceHeaders()));
        BY_NAME.put("boilerplate", plain("boilerplate", new RemoveBoilerplate()));
        BY_NAME.put("language", IdentifyLanguage::new);
        BY_NAME.put("quality", plain("quality", new Quality()));
        BY_NAME.put("repetition", plain("repetition", new Repetition()));
        BY_NAME.put("personal-data", kinds -> kinds.isEmpty() ? new RedactPersonalData()
                : new RedactPersonalData(PersonalData.parse(kinds)));
    }

    private Steps() {
    }

    /** For source code: every document is taken for code. */
    public static List<CleaningStep> forCode() {
        return List.of(new NormalizeUnicode(), new RemoveLicenceHeaders(), new Quality(d -> Profile.CODE),
                new Repetition(d -> Profile.CODE), new RedactPersonalData(d -> Profile.CODE));
    }

    /** For prose: every document is taken for prose. */
    public static List<CleaningStep> forProse() {
        return List.of(new NormalizeUnicode(), new RemoveBoilerplate(d -> Profile.PROSE), new Quality(d -> Profile.PROSE),
                new Repetition(d -> Profile.PROSE), new RedactPersonalData(d -> Profile.PROSE));
    }

    /** For a mixed corpus: each document by its own {@link Profile}. */
    public static List<CleaningStep> standard() {
        return List.of(new NormalizeUnicode(), new RemoveLicenceHeaders(), new RemoveBoilerplate(), new Quality(), new Repetition(),
                new RedactPersonalData());
    }

    /** The names that {@link #byName} knows: ours in the order in which the rules are best applied, then those that jars add. */
    public static List<String> names() {
        return names(added());
    }

    private static List<String> names(Map<String, ?> added) {
        List<String> names = new ArrayList<>(BY_NAME.keySet());
        names.addAll(added.keySet());
        return List.copyOf(names);
    }

    /**
     * The rules that jars on the class path add, by name.
     *
     * @throws IllegalStateException where one cannot be used; the message names its class and its jar
     */
    public static SortedMap<String, Extension<CleaningStepProvider>> added() {
        return added(Steps.class.getClassLoader());
    }

    static SortedMap<String, Extension<CleaningStepProvider>> added(ClassLoader loader) {
        Set<String> taken = new TreeSet<>(BY_NAME.keySet());
        taken.addAll(OTHER_NAMES);
        return Extension.all(CleaningStepProvider.class, loader, "cleaning step", CleaningStepProvider::name, taken);
    }

    /**
     * The rule of that name with its defaults. Two of ours take a list: {@code language:en,zh} (allowed languages) and
     * {@code personal-data:email,phone} (kinds to redact).
     *
     * @throws IllegalArgumentException for an unknown name, with the known ones and the nearest
     * @throws IllegalStateException    as {@link #added()}
     */
    public static CleaningStep byName(String name) {
        return byName(name, added());
    }

    static CleaningStep byName(String name, SortedMap<String, Extension<CleaningStepProvider>> added) {
        int colon = name.indexOf(':');
        String rule = (colon < 0 ? name : name.substring(0, colon)).strip();
        List<String> arguments = new ArrayList<>();
        if (colon >= 0) {
            for (String argument : name.substring(colon + 1).split(",")) {
                if (!argument.isBlank()) {
                    arguments.add(argument.strip());
                }
            }
        }
        if (added.containsKey(rule)) {
            return AddedStep.of(added.get(rule), List.copyOf(arguments));
        }
        Function<Set<String>, CleaningStep> maker = BY_NAME.get(rule);
        if (maker == null) {
            throw new IllegalArgumentException(unknown("cleaning step", rule, names(added)));
        }
        return maker.apply(new TreeSet<>(arguments));
    }

    private static Function<Set<String>, CleaningStep> plain(String name, CleaningStep step) {
        return arguments -> {
            if (!arguments.isEmpty()) {
                throw new IllegalArgumentException("cleaning step '" + name + "' takes no list, found " + String.join(",", arguments));
            }
            return step;
        };
    }

    /** "unknown WHAT 'NAME', did you mean 'NEAREST'? Known: ...". */
    static String unknown(String what, String name, List<String> known) {
        String nearest = null;
        int least = Integer.MAX_VALUE;
        for (String candidate : known) {
            int distance = editDistance(name.toLowerCase(Locale.ROOT), candidate);
            if (distance < least) {
                least = distance;
                nearest = candidate;
            }
        }
        boolean near = nearest != null && least <= Math.max(2, nearest.length() / 2);
        String hint = near ? ", did you mean '" + nearest + "'?" : ".";
        return "unknown " + what + " '" + name + "'" + hint + " Known: " + String.join(", ", known);
    }

    /** Levenshtein distance. */
    private static int editDistance(String a, String b) {
        int[] row = new int[b.length() + 1];
        for (int j = 0; j < row.length; j++) {
            row[j] = j;
        }
        for (int i = 1; i <= a.length(); i++) {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j < row.length; j++) {
                int above = row[j];
                row[j] = Math.min(Math.min(above, row[j - 1]) + 1, diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1));
                diagonal = above;
            }
        }
        return row[b.length()];
    }
}
