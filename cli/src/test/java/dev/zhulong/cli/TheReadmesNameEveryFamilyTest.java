package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.zhulong.formats.EncoderDecoderFamily;
import dev.zhulong.formats.EncoderFamily;
import dev.zhulong.formats.Families;
import dev.zhulong.formats.Family;
import dev.zhulong.formats.VisionFamily;
import dev.zhulong.formats.family.Mixtral;
import dev.zhulong.formats.family.SparseDecoder;
import dev.zhulong.formats.gguf.GgufArchitecture;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The tables of families are those that are registered, each in the row of its kind. */
class TheReadmesNameEveryFamilyTest {
    private static final Path ROOT = Path.of(System.getProperty("zhulong.root"));

    /** Families that libtorch runs alone. */
    private static final Set<String> ON_TORCH = Set.of("whisper");

    /** A row of the table, but for its title. @param cpu whether the CPU engine runs it  @param gguf whether GGUF files of it are read and written */
    private record Row(boolean mixture, boolean encoder, boolean both, boolean vision, boolean cpu, boolean gguf) {
        static Row of(Family family) {
            return new Row(family instanceof SparseDecoder || family instanceof Mixtral, family instanceof EncoderFamily, family instanceof EncoderDecoderFamily,
                    family instanceof VisionFamily, !(family instanceof VisionFamily || ON_TORCH.contains(family.modelType())),
                    family instanceof GgufArchitecture known && known.ggufArchitecture() != null);
        }
    }

    @ParameterizedTest
    @CsvSource({"README.md, yes, no", "README.zh-CN.md, 是, 否"})
    void inTheRowOfItsKind(String readme, String yes, String no) throws IOException {
        String text = Files.readString(ROOT.resolve(readme));
        Map<Row, List<Family>> rows = Families.all().stream().collect(Collectors.groupingBy(Row::of));
        assertThat(rows).hasSize(8);
        rows.forEach((row, families) -> assertThat(text).contains(cells(families, row, yes, no)));
    }

    private static String cells(List<Family> families, Row row, String yes, String no) {
        return families.stream().map(family -> "`" + family.modelType() + "`").collect(Collectors.joining(", ", " | ", " | ")) + yes + " | " + (row.cpu() ? yes : no) + " | "
                + (row.gguf() ? yes : no) + " |";
    }
}
