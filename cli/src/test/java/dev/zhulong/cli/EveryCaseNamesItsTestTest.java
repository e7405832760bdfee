package dev.zhulong.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The tests that docs/cases.md names are there. */
class EveryCaseNamesItsTestTest {
    private static final Path ROOT = Path.of(System.getProperty("zhulong.root"));
    /** A test class, with a method or without, or a method of the class that was named before it. */
    private static final Pattern TEST = Pattern.compile("`(?:([A-Z]\\w*Test)(?:\\.(\\w+))?|\\.(\\w+))`");

    @Test
    void andTheTestIsThere() throws IOException {
        Map<String, String> sources = sources();
        List<String> rows = Files.readAllLines(ROOT.resolve("docs/cases.md")).stream().filter(line -> line.startsWith("| ") && !line.startsWith("| case | test |")).toList();
        assertThat(rows).hasSizeGreaterThan(80);
        List<String> missing = new ArrayList<>();
        for (String row : rows) {
            String[] cells = row.split(" \\| ?");
            assertThat(cells).as(row).hasSizeGreaterThan(1);
            assertThat(cells[1].replace("|", "").strip()).as(row).isNotEmpty();
            String source = null;
            for (MatchResult test : TEST.matcher(cells[1]).results().toList()) {
                source = test.group(1) == null ? source : sources.get(test.group(1));
                String method = test.group(2) == null ? test.group(3) : test.group(2);
                if (source == null || method != null && !source.contains(" " + method + "(")) {
                    missing.add(test.group());
                }
            }
        }
        assertThat(missing).isEmpty();
    }

    private static Map<String, String> sources() throws IOException {
        Map<String, String> sources = new TreeMap<>();
        try (Stream<Path> modules = Files.list(ROOT)) {
            for (Path tests : modules.map(module -> module.resolve("src/test/java")).filter(Files::isDirectory).toList()) {
                try (Stream<Path> files = Files.walk(tests)) {
                    for (Path file : files.filter(each -> each.toString().endsWith(".java")).toList()) {
                        sources.put(file.getFileName().toString().replace(".java", ""), Files.readString(file));
                    }
                }
            }
        }
        return sources;
    }
}
