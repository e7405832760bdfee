package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.bench.TranslateBench;
import dev.zhulong.formats.EncoderDecoderSpec;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.JsonFields;
import dev.zhulong.infer.open.OpenEncoderDecoder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code serve}, {@code translate} and {@code bench translate} of an encoder–decoder: what is asked for and does not apply is said in a line. */
@Timeout(240)
class AnEncoderDecoderIsServedAsOneTest {
    private static final String CONFIG = """
            {"architectures": ["T5ForConditionalGeneration"], "model_type": "t5", "vocab_size": 40, "d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 1, "num_heads": 4,
             "pad_token_id": 0, "eos_token_id": 1, "decoder_start_token_id": 0, "is_encoder_decoder": true}""";
    @TempDir
    static Path directory;

    @BeforeAll
    static void write() throws IOException {
        Files.writeString(directory.resolve("config.json"), CONFIG);
    }

    @Test
    void itIsToldFromOtherModels() {
        assertThat(OpenEncoderDecoder.isEncoderDecoder(directory)).isTrue();
        assertThat(EncoderModel.is(directory)).isFalse();
        assertThat(OpenEncoderDecoder.isEncoderDecoder(directory.resolve("none"))).isFalse();
    }

    @Test
    void ofSeveralAdaptersNoneIsPutIntoTheWeights() {
        Cli result = Cli.run("serve", "--model", directory, "--warm-up", "0", "--adapter", "a=b", "--adapter", "c=d");
        assertThat(result.code()).as(result.err()).isEqualTo(2);
        assertThat(result.err()).contains("give one --adapter", "zhulong merge");
    }

    @ParameterizedTest
    @ValueSource(strings = {"--low x.gguf", "--no-prefix-cache", "--prefix-dir prefixes"})
    void whatIsForOthersIsRefused(String options) {
        List<Object> words = new ArrayList<>(List.of("serve", "--model", directory, "--warm-up", "0"));
        words.addAll(List.of(options.split(" ")));
        Cli result = Cli.run(words.toArray());
        assertThat(result.code()).as(result.err()).isEqualTo(2);
        assertThat(result.err()).contains(options.split(" ")[0] + " is for models that write on from their prompt, and " + directory + " is an encoder–decoder: leave it out");
    }

    @Test
    void enginesThatDoNotRunItAreRefused() {
        assertThat(Cli.run("serve", "--model", directory, "--engine", "torch")).matches(cli -> cli.code() == 2 && cli.err().contains("served by the cpu engine"));
    }

    @Test
    void bothEnginesAreTimedInTurns() {
        var spec = (EncoderDecoderSpec) Family.of("t5").read(JsonFields.read(directory.resolve("config.json")));
        List<double[]> rounds = new ArrayList<>();
        TranslateBench.Result result = TranslateBench.run(spec, new TranslateBench.Work(2, 7, 5, 2, 3, 1, Optional.empty()), rounds::add);
        assertThat(rounds).hasSize(3).allMatch(each -> each.length == 2 && each[0] > 0 && each[1] > 0);
        double[] cpu = rounds.stream().mapToDouble(each -> each[0]).sorted().toArray();
        double[] torch = rounds.stream().mapToDouble(each -> each[1]).sorted().toArray();
        assertThat(result.cpu()).isEqualTo(10 / cpu[1]);
        assertThat(result.ratio()).isEqualTo(result.cpu() / result.torch()).isEqualTo(10 / cpu[1] / (10 / torch[1]));
        assertThat(TranslateBench.spec().hiddenSize()).isEqualTo(512);
        assertThat(Cli.run("bench", "translate", "--texts", "0")).matches(cli -> cli.code() == 2 && cli.err().contains("--texts"));
    }
}
