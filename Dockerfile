# Zhulong in a container:
#   docker build -t zhulong .
#   docker run --rm -p 8080:8080 -v "$PWD/runs/first:/model:ro" zhulong serve --model /model --host 0.0.0.0
# With jars of your own (docs/extending.md): -v "$PWD/jars:/jars:ro" -e 'ZHULONG_CLASSPATH=/jars/*'
# The image has no Intel MKL (see NOTICE); the cpu engine does not need it.

FROM maven:3-eclipse-temurin-25 AS build
# the launcher copies libraries inside this folder next to the build, so everything needed at run time is in target/zhulong
ENV ZHULONG_BUILD="-DnoMkl -Dmaven.repo.local=/zhulong/.m2"
WORKDIR /zhulong
COPY . .
# the first call builds the project
RUN ./zhulong --help > /dev/null

FROM eclipse-temurin:25-jdk
# the same value as above: the launcher accepts only a build made with the same settings
ENV ZHULONG_BUILD="-DnoMkl -Dmaven.repo.local=/zhulong/.m2"
WORKDIR /zhulong
COPY --from=build /zhulong/zhulong ./
COPY --from=build /zhulong/target/zhulong ./target/zhulong
USER 10001:10001
EXPOSE 8080
ENTRYPOINT ["./zhulong"]
CMD ["serve", "--help"]
