package dev.zhulong.infer.search;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.zhulong.formats.EncoderDecoderSpec.Ids;
import dev.zhulong.formats.FormatException;
import dev.zhulong.infer.search.SearchOptions.Early;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class IdsOfASearchAreInTheVocabularyTest {
    private static final Ids IDS = new Ids(0, List.of(1), 2, 0, -1, List.of());
    @TempDir
    Path directory;

    private SearchOptions read(String json) throws IOException {
        Files.writeString(directory.resolve("generation_config.json"), json);
        return SearchOptions.read(directory, IDS, 64, 10);
    }

    @ParameterizedTest
    @ValueSource(strings = {"{\"eos_token_id\": 10}", "{\"forced_bos_token_id\": 10}", "{\"forced_eos_token_id\": [1, 10]}", "{\"pad_token_id\": 10}",
            "{\"decoder_start_token_id\": 10}", "{\"suppress_tokens\": [10]}", "{\"bad_words_ids\": [[3], [4, 10]]}"})
    void othersAreRefusedByName(String json) {
        assertThatThrownBy(() -> read(json)).isInstanceOf(FormatException.class).hasMessageContaining("generation_config.json")
                .hasMessageContaining("names the token 10, and the model has 10");
    }

    @Test
    void theLastOneIsOne() throws IOException {
        assertThat(read("{\"eos_token_id\": 9, \"bad_words_ids\": [[9, 9]]}").eos()).containsExactly(9);
    }

    @Test
    void lengthsOfNgramsAndPenaltiesThatMeanNothingAreRefused() throws IOException {
        SearchOptions options = read("{}");
        assertThatThrownBy(() -> options.with(1, Early.NEVER, -1)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("found -1");
        assertThatThrownBy(() -> options.with(Double.NaN, Early.NEVER, 0)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("found NaN");
    }
}
