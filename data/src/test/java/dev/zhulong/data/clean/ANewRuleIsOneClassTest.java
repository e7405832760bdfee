package dev.zhulong.data.clean;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.data.document.CleaningStep;
import dev.zhulong.data.document.Document;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** How to add a cleaning rule: write a class, put it in a chain. (A rule that recipes should know also gets a line in {@link Steps}.) */
class ANewRuleIsOneClassTest {

    /** A bank wants no document that is marked as confidential. */
    record DropConfidential(String mark) implements CleaningStep {

        @Override
        public String name() {
            return "confidential";
        }

        @Override
        public Decision apply(Document document) {
            return document.text().contains(mark) ? new Decision.Drop("marked " + mark) : new Decision.Keep(document, null);
        }
    }

    @Test
    void itStandsInAChainLikeAnyOther() {
        List<CleaningStep> chain = new ArrayList<>(Steps.standard());
        chain.add(1, new DropConfidential("CONFIDENTIAL"));

        assertThat(run(chain, Cleaning.prose(Cleaning.ENGLISH))).isEqualTo("kept");
        assertThat(run(chain, Cleaning.prose("CONFIDENTIAL\r\n" + Cleaning.ENGLISH))).isEqualTo("confidential: marked CONFIDENTIAL");
    }

    private static String run(List<CleaningStep> chain, Document document) {
        for (CleaningStep step : chain) {
            switch (step.apply(document)) {
                case CleaningStep.Decision.Keep keep -> document = keep.document();
                case CleaningStep.Decision.Drop drop -> {
                    return step.name() + ": " + drop.reason();
                }
            }
        }
        return "kept";
    }
}
