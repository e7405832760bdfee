package org.example;

import dev.zhulong.data.clean.CleaningStepProvider;
import dev.zhulong.data.document.CleaningStep;
import dev.zhulong.data.document.Document;
import java.util.List;

/** Keeps what is marked as confidential out of a corpus. */
public final class Confidential implements CleaningStepProvider {

    @Override
    public String name() {
        return "confidential";
    }

    @Override
    public String description() {
        return "Drop documents with a line that begins with CONFIDENTIAL. confidential:MARK,MARK looks for these marks instead.";
    }

    @Override
    public CleaningStep step(List<String> marks) {
        return new Rule(marks.isEmpty() ? List.of("CONFIDENTIAL") : marks);
    }

    /** Has no state, so that many threads may share it. */
    private record Rule(List<String> marks) implements CleaningStep {

        @Override
        public String name() {
            return "confidential";
        }

        @Override
        public Decision apply(Document document) {
            for (String mark : marks) {
                if (document.text().startsWith(mark) || document.text().contains("\n" + mark)) {
                    // the audit counts equal reasons
                    return new Decision.Drop("marked " + mark);
                }
            }
            return new Decision.Keep(document, null);
        }
    }
}
