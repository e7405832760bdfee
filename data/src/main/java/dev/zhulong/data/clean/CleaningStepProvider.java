package dev.zhulong.data.clean;

import dev.zhulong.data.document.CleaningStep;
import java.util.List;

/**
 * A cleaning rule that a jar on the class path adds to those of {@link Steps}: recipes and {@code clean --steps} then know it by name. The jar
 * names the class in {@code META-INF/services/dev.zhulong.data.clean.CleaningStepProvider}; {@code examples/cleaning-step} is a whole one.
 *
 * <pre>{@code
 * public final class Confidential implements CleaningStepProvider {
 *     public String name() { return "confidential"; }
 *     public String description() { return "drop what is marked as confidential; confidential:MARK,MARK looks for other marks"; }
 *     public CleaningStep step(List<String> arguments) { return new DropMarked(arguments.isEmpty() ? List.of("CONFIDENTIAL") : arguments); }
 * }
 * }</pre>
 *
 * <p>The package comment has the contract of a rule.
 */
public interface CleaningStepProvider {

    /** What recipes call it: small letters, digits and single hyphens between them. No other rule has this name. */
    String name();

    /** What it does and which arguments it takes, in one line that begins with an imperative; shown by {@code clean --help}. */
    String description();

    /**
     * The rule.
     *
     * @param arguments what follows the colon in {@code NAME:ARGUMENT,ARGUMENT}, in order, without spaces around; empty where there is no colon
     * @return a rule whose name is this one's
     * @throws IllegalArgumentException where the arguments are wrong; the message says what is expected and what was found
     */
    CleaningStep step(List<String> arguments);
}
