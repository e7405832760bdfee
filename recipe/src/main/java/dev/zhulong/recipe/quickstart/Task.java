package dev.zhulong.recipe.quickstart;

import dev.zhulong.recipe.javadoc.DocumentedMethod;
import java.util.List;
import java.util.Locale;

/**
 * What a quickstart fine-tunes its model to do, as a prompt and a completion of plain text. The seam lies where the tokenizer parts words
 * anyway, so that a prompt alone has the tokens it has before its completion: a space goes with the word after it, a line end with the
 * sign before it.
 */
enum Task {
    /** A method to the sentence that says what it does. */
    DESCRIBE("method to Javadoc sentence") {
        @Override
        String prompt(DocumentedMethod pair) {
            return pair.method() + "\n// What it does:";
        }

        @Override
        String completion(DocumentedMethod pair) {
            return " " + pair.sentence();
        }

        @Override
        List<String> stop() {
            return List.of("\n");
        }

        @Override
        String answer(String written, boolean stopped) {
            return written.strip();
        }
    },

    /** A sentence to the method it describes. */
    WRITE("Javadoc sentence to method") {
        @Override
        String prompt(DocumentedMethod pair) {
            return "/** " + pair.sentence() + " */\n";
        }

        @Override
        String completion(DocumentedMethod pair) {
            return pair.method();
        }

        @Override
        List<String> stop() {
            return List.of(LAST_BRACE);
        }

        @Override
        String answer(String written, boolean stopped) {
            // a model that was never taught where to end may go on after a method of one line
            return DocumentedMethod.first(stopped ? written + LAST_BRACE : written).strip();
        }
    };

    /** The end of a method of several lines whose indentation was taken off. */
    private static final String LAST_BRACE = "\n}";

    private final String what;

    Task(String what) {
        this.what = what;
    }

    /** {@code describe}: name of its files, and of the source in a fine-tuning's evaluation. */
    String id() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** In words. */
    String what() {
        return what;
    }

    abstract String prompt(DocumentedMethod pair);

    abstract String completion(DocumentedMethod pair);

    /** Where generation may end. */
    abstract List<String> stop();

    /** What is compared with {@link #reference}: the same cut for every model, so that none is blamed for what comes after its answer. */
    abstract String answer(String written, boolean stopped);

    String reference(DocumentedMethod pair) {
        return completion(pair).strip();
    }
}
