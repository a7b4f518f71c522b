// run_duckdb.js SQL...: what DuckDB answers, a line for each row, fields separated by tabs.
const { DuckDBInstance } = require('@duckdb/node-api');

async function main(questions) {
    const connection = await (await DuckDBInstance.create(':memory:')).connect();
    for (const sql of questions)
        for (const row of (await connection.runAndReadAll(sql)).getRows())
            console.log(row.join('\t'));
}

main(process.argv.slice(2)).catch((error) => {
    console.error(error.message);
    process.exit(1);
});
