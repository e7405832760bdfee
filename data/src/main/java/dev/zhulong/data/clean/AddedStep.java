package dev.zhulong.data.clean;

import dev.zhulong.data.document.CleaningStep;
import dev.zhulong.data.document.Document;
import dev.zhulong.formats.Extension;
import java.util.List;

/**
 * A rule from a jar on the class path, which is an input of what it cleans.
 *
 * @param step as its provider made it
 * @param from where it comes from
 */
public record AddedStep(CleaningStep step, Extension<CleaningStepProvider> from) implements CleaningStep {

    /** @throws IllegalArgumentException where the provider refuses the arguments */
    static AddedStep of(Extension<CleaningStepProvider> from, List<String> arguments) {
        CleaningStep step;
        try {
            step = from.provider().step(arguments);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException("cleaning step '" + from.name() + "': " + e.getMessage(), e);
        } catch (RuntimeException | LinkageError e) {
            throw new IllegalStateException("cleaning step '" + from.name() + "' of " + from.origin() + " cannot be made: " + e, e);
        }
        if (step == null || !from.name().equals(step.name())) {
            throw new IllegalStateException("cleaning step '" + from.name() + "' of " + from.origin() + " made "
                    + (step == null ? "no rule" : "a rule called '" + step.name() + "'") + "; the rule must have its provider's name");
        }
        return new AddedStep(step, from);
    }

    @Override
    public String name() {
        return from.name();
    }

    @Override
    public Decision apply(Document document) {
        Decision decision = step.apply(document);
        boolean whole = switch (decision) {
            case null -> false;
            case Decision.Keep(Document kept, _) -> kept != null;
            case Decision.Drop(String reason) -> reason != null;
        };
        if (!whole) {
            throw new IllegalStateException(from.origin() + " decided " + decision);
        }
        return decision;
    }
}
