package dev.zhulong.data.clean;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.data.document.CleaningStep;
import java.util.Set;
import org.junit.jupiter.api.Test;

class StepsAreFoundByNameTest {

    @Test
    void everyNameGivesTheStepOfThatName() {
        for (String name : Steps.names()) {
            assertThat(Steps.byName(name).name()).isEqualTo(name);
        }
        for (CleaningStep step : Steps.standard()) {
            assertThat(Steps.names()).contains(step.name());
        }
    }

    @Test
    void listsAreRead() {
        assertThat(((IdentifyLanguage) Steps.byName("language: en, zh")).allowed()).containsExactlyInAnyOrder("en", "zh");
        assertThat(((RedactPersonalData) Steps.byName("personal-data:email,resident-id")).kinds())
                .isEqualTo(Set.of(PersonalData.EMAIL, PersonalData.RESIDENT_ID));
    }

    @Test
    void unknownNamesSuggestTheNearest() {
        assertThatThrownBy(() -> Steps.byName("unicod")).isInstanceOf(IllegalArgumentException.class)
                .hasMessage("unknown cleaning step 'unicod', did you mean 'unicode'? Known: unicode, licence-headers,"
                        + " boilerplate, language, quality, repetition, personal-data");
        assertThatThrownBy(() -> Steps.byName("xyzxyzxyzxyz")).hasMessageStartingWith("unknown cleaning step 'xyzxyzxyzxyz'. Known: ");
        assertThatThrownBy(() -> Steps.byName("personal-data:emial")).hasMessageContaining("did you mean 'email'?");
        assertThatThrownBy(() -> Steps.byName("quality:5")).hasMessageContaining("takes no list");
    }

    @Test
    void chainsKeepGoodTextUnchanged() {
        for (CleaningStep step : Steps.standard()) {
            Cleaning.GOOD.forEach(document -> Cleaning.assertUnchanged(step, document));
        }
        Steps.forCode().forEach(step -> Cleaning.assertUnchanged(step, Cleaning.java(Cleaning.JAVA)));
        Steps.forProse().forEach(step -> Cleaning.assertUnchanged(step, Cleaning.prose(Cleaning.ENGLISH)));
        Steps.forProse().forEach(step -> Cleaning.assertUnchanged(step, Cleaning.prose(Cleaning.SIMPLIFIED)));
    }
}
