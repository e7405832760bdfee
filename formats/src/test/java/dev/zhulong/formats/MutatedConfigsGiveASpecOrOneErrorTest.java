package dev.zhulong.formats;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;

class MutatedConfigsGiveASpecOrOneErrorTest {

    private static final List<String> VALUES = List.of("null", "-1", "0", "3", "1e400", "2.5", "9223372036854775808", "\"x\"", "true", "[]",
            "{}", "[1,[2]]", "{\"rope_type\":\"yarn\"}", "[\"sliding_attention\"]", "2147483647", "\"llama3\"", "1e-320");
    private static final String CHARACTERS = "{}[]\",:019-.etn\u0000\u00e9";

    private static Path directory;
    private static List<NetworkSpec> specs;

    @BeforeContainer
    static void makeDirectory() throws IOException {
        directory = Files.createTempDirectory("config-fuzz");
        specs = new ArrayList<>(WrittenConfigsGiveTheSameSpecTest.specs());
        for (String type : List.of("gemma", "gemma2", "gemma3_text", "granite", "olmo2", "olmo3", "smollm3", "cohere", "cohere2", "ernie4_5", "seed_oss", "exaone4",
                "ministral")) {
            String json = ("{'model_type':'" + type + "','vocab_size':50,'hidden_size':32,'intermediate_size':40,'num_hidden_layers':4,'num_attention_heads':4,"
                    + "'num_key_value_heads':2,'sliding_window':5}").replace('\'', '"');
            specs.addAll(Collections.nCopies(2, HfConfig.read(Files.writeString(directory.resolve("config.json"), json))));
        }
        for (EncoderSpec spec : EncodersAreReadUnderEveryNameTest.specs()) {
            specs.addAll(Collections.nCopies(4, spec));
        }
        for (EncoderDecoderSpec spec : EncoderDecodersAreReadAsWrittenTest.specs()) {
            specs.addAll(Collections.nCopies(4, spec));
        }
        for (VisionSpec spec : VisionNetworksAreReadAsWrittenTest.specs()) {
            specs.addAll(Collections.nCopies(4, spec));
        }
    }

    @AfterContainer
    static void clear() throws IOException {
        Files.deleteIfExists(directory.resolve("config.json"));
        Files.delete(directory);
    }

    /** Values replaced by others of any kind, and single characters by any. */
    private static String mutate(String json, Random random) {
        String[] lines = json.split("\n");
        for (int edits = 1 + random.nextInt(3); edits > 0; edits--) {
            int at = random.nextInt(lines.length);
            int colon = lines[at].indexOf(": ");
            if (colon > 0 && random.nextInt(8) != 0) {
                boolean last = !lines[at].endsWith(",");
                lines[at] = lines[at].substring(0, colon + 2) + VALUES.get(random.nextInt(VALUES.size())) + (last ? "" : ",");
            } else if (!lines[at].isEmpty()) {
                var line = new StringBuilder(lines[at]);
                line.setCharAt(random.nextInt(line.length()), CHARACTERS.charAt(random.nextInt(CHARACTERS.length())));
                lines[at] = line.toString();
            }
        }
        return String.join("\n", lines);
    }

    @Property(tries = 4000, seed = "20261101")
    void readOrFormatException(@ForAll long seed) throws IOException {
        var random = new Random(seed);
        NetworkSpec spec = specs.get(random.nextInt(specs.size()));
        Path path = directory.resolve("config.json");
        Files.write(path, mutate(HfConfig.write(spec, StorageType.F32), random).getBytes(StandardCharsets.UTF_8));
        try {
            NetworkSpec network = HfConfig.network(path);
            HfConfig.storageType(path);
            switch (network) {
                case DecoderSpec read -> assertThat(read.windows()).hasSize(read.layers());
                case EncoderSpec read -> assertThat(read.contextLength()).isPositive();
                case EncoderDecoderSpec read -> assertThat(read.longest()).isPositive();
                case VisionSpec read -> assertThat(read.patches().positions()).isPositive();
            }
        } catch (FormatException e) {
            assertThat(e.getMessage()).startsWith(path.toString()).hasSizeLessThan(1000).doesNotContain("\n");
        }
    }
}
