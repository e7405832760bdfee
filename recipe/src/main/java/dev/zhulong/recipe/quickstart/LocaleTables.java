package dev.zhulong.recipe.quickstart;

import dev.zhulong.data.document.CleaningStep;
import dev.zhulong.data.document.Document;
import java.util.regex.Pattern;

/**
 * Drops the JDK's translated resource bundles ({@code CurrencyNames_ko.java}, everything in {@code jdk.localedata}): tables of words in a
 * hundred languages, from which a small model learns neither Java nor English.
 */
final class LocaleTables implements CleaningStep {
    private static final Pattern TRANSLATED = Pattern.compile(".*_[a-z]{2,3}(_[A-Z][a-z]{3})?(_[A-Z]{2})?\\.java");

    @Override
    public String name() {
        return "locale-tables";
    }

    @Override
    public Decision apply(Document document) {
        boolean table = document.id().contains("/jdk.localedata/") || TRANSLATED.matcher(document.id()).matches();
        return table ? new Decision.Drop("translated resource bundle") : new Decision.Keep(document, null);
    }
}
