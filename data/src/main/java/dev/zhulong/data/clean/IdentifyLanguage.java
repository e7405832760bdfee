package dev.zhulong.data.clean;

import dev.zhulong.data.document.CleaningStep;
import dev.zhulong.data.document.Document;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;

/**
 * Keeps the documents whose language is allowed. Languages are BCP 47 codes as {@link #languageOf} gives them, {@code code} among them;
 * an allowed {@code zh} covers {@code zh-Hans} and {@code zh-Hant}, {@code und} covers {@code und-Latn}. An empty set keeps everything.
 */
public record IdentifyLanguage(Set<String> allowed, Function<Document, Profile> profile) implements CleaningStep {

    public IdentifyLanguage {
        allowed = Set.copyOf(allowed);
    }

    public IdentifyLanguage(Set<String> allowed) {
        this(allowed, Profile::of);
    }

    /** Keeps every language. */
    public IdentifyLanguage() {
        this(Set.of());
    }

    @Override
    public String name() {
        return "language";
    }

    @Override
    public Decision apply(Document document) {
        if (allowed.isEmpty()) {
            return new Decision.Keep(document, null);
        }
        String language = languageOf(document);
        boolean keep = allowed.contains(language) || allowed.contains(primary(language));
        return keep ? new Decision.Keep(document, null)
                : new Decision.Drop("language " + language + " (allowed: " + String.join(", ", new TreeSet<>(allowed)) + ")");
    }

    /** {@code code}, or the BCP 47 code of a prose text: {@code en}, {@code zh-Hans}, {@code und-Latn} ... */
    public String languageOf(Document document) {
        return profile.apply(document) == Profile.CODE ? "code" : LanguageIdentifier.identify(document.text());
    }

    private static String primary(String language) {
        int dash = language.indexOf('-');
        return dash < 0 ? language : language.substring(0, dash);
    }
}
