package dev.zhulong.data.clean;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.data.CleanConfig;
import dev.zhulong.data.Cleaner;
import dev.zhulong.data.document.CleaningStep;
import dev.zhulong.data.document.Document;
import dev.zhulong.formats.ContentHash;
import dev.zhulong.formats.progress.Progress;
import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A class loader with a service file stands for the jar. */
class RulesFromJarsStandBesideOursTest {
    @TempDir
    Path place;

    private URLClassLoader with(Class<?>... providers) throws IOException {
        Path services = Files.createDirectories(place.resolve("jar/META-INF/services"));
        Files.writeString(services.resolve(CleaningStepProvider.class.getName()),
                Arrays.stream(providers).map(Class::getName).collect(Collectors.joining("\n")));
        return new URLClassLoader(new URL[] {place.resolve("jar").toUri().toURL()}, Steps.class.getClassLoader());
    }

    private CleaningStep step(String name, Class<?>... providers) throws IOException {
        try (var loader = with(providers)) {
            return Steps.byName(name, Steps.added(loader));
        }
    }

    abstract static class Named implements CleaningStepProvider {
        private final String name;

        Named(String name) {
            this.name = name;
        }

        @Override
        public String name() {
            return name;
        }

        @Override
        public String description() {
            return "keep what there is";
        }

        @Override
        public CleaningStep step(List<String> arguments) {
            return rule(name, document -> new CleaningStep.Decision.Drop(arguments.toString()));
        }
    }

    private static CleaningStep rule(String name, java.util.function.Function<Document, CleaningStep.Decision> decide) {
        return new CleaningStep() {
            @Override
            public String name() {
                return name;
            }

            @Override
            public Decision apply(Document document) {
                return decide.apply(document);
            }
        };
    }

    public static final class Listing extends Named {
        public Listing() {
            super("listing");
        }
    }

    public static final class Quality extends Named {
        public Quality() {
            super("quality");
        }
    }

    public static final class None extends Named {
        public None() {
            super("none");
        }
    }

    public static final class Choosy extends Named {
        public Choosy() {
            super("choosy");
        }

        @Override
        public CleaningStep step(List<String> arguments) {
            if (arguments.isEmpty()) {
                throw new IllegalArgumentException("choosy:WORD needs a word");
            }
            return switch (arguments.getFirst()) {
                case "null" -> null;
                case "other" -> rule("another", document -> null);
                case "defect" -> List.<CleaningStep>of().getFirst();
                default -> rule("choosy", document -> null);
            };
        }
    }

    @Test
    void aRuleIsFoundByItsNameWithItsArgumentsInOrder() throws IOException {
        CleaningStep step = step(" listing: b, a ,,b", Listing.class, Choosy.class);
        assertThat(step.name()).isEqualTo("listing");
        assertThat(step.apply(Cleaning.prose("x"))).isEqualTo(new CleaningStep.Decision.Drop("[b, a, b]"));
        assertThat(step("listing", Listing.class).apply(Cleaning.prose("x"))).isEqualTo(new CleaningStep.Decision.Drop("[]"));
        assertThat(step("quality", Listing.class)).isInstanceOf(dev.zhulong.data.clean.Quality.class);
    }

    @Test
    void anUnknownNameIsAnsweredWithThoseFromJarsToo() {
        assertThatThrownBy(() -> step("listin", Listing.class)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("did you mean 'listing'? Known: unicode,").hasMessageEndingWith("personal-data, listing");
    }

    @Test
    void aNameOfOursOrOfAChainIsRefusedWhateverIsAskedFor() {
        assertThatThrownBy(() -> step("unicode", Quality.class)).isInstanceOf(IllegalStateException.class)
                .hasMessageContainingAll("cleaning step 'quality'", Quality.class.getName());
        assertThatThrownBy(() -> step("unicode", None.class)).isInstanceOf(IllegalStateException.class).hasMessageContaining("'none'");
    }

    @Test
    void whatAProviderRefusesOrGetsWrongIsSaidWithItsName() {
        assertThatThrownBy(() -> step("choosy", Choosy.class)).isInstanceOf(IllegalArgumentException.class)
                .hasMessage("cleaning step 'choosy': choosy:WORD needs a word");
        assertThatThrownBy(() -> step("choosy:null", Choosy.class)).isInstanceOf(IllegalStateException.class)
                .hasMessageContainingAll("'choosy'", Choosy.class.getName(), "made no rule");
        assertThatThrownBy(() -> step("choosy:other", Choosy.class)).hasMessageContaining("made a rule called 'another'");
        assertThatThrownBy(() -> step("choosy:defect", Choosy.class)).isInstanceOf(IllegalStateException.class)
                .hasMessageContainingAll("'choosy'", Choosy.class.getName(), "NoSuchElementException");
        assertThatThrownBy(() -> step("choosy:undecided", Choosy.class).apply(Cleaning.prose("x"))).isInstanceOf(IllegalStateException.class)
                .hasMessageContainingAll(Choosy.class.getName(), "decided null");
    }

    @Test
    void theAuditSaysWhichJarARuleCameFrom() throws IOException {
        Path text = Files.writeString(place.resolve("a.txt"), Cleaning.ENGLISH);
        CleaningStep step = step("choosy:undecided", Choosy.class);
        var kept = new AddedStep(rule("choosy", document -> new CleaningStep.Decision.Keep(document, null)), ((AddedStep) step).from());
        Cleaner.run(CleanConfig.of(List.of(text), List.of(kept)), place.resolve("out"), Progress.SILENT);
        Path classes = kept.from().place();
        assertThat(Files.readString(place.resolve("out/audit.json"))).contains("\"added_step_choosy\" : \"" + Choosy.class.getName() + " in "
                + classes.getFileName() + ", SHA-256 " + ContentHash.of(classes));
    }
}
